use std::collections::BTreeMap;
use std::ffi::OsStr;

use serde_json::{Value, json};
use shardferry::planner::{Account, Fate, Left, Move, Verdict, explain};

use super::missing;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning::Planned;
use crate::planning::document::{refusal_code, state_code};
use crate::planning::text::{NODES_LISTED, left_text, reason};
use crate::table::table;
use crate::text;

/// What becomes of a shard.
#[derive(Debug)]
pub(crate) struct ShardAccount<'a> {
    planned: &'a Planned,
    account: Account,
}

impl<'a> ShardAccount<'a> {
    pub(crate) fn of(planned: &'a Planned, given: &OsStr) -> Result<Self, Failure> {
        let id = planned.names.find_shard(given)?;
        let Planned {
            input,
            policy,
            plan,
            ..
        } = planned;
        let account =
            explain(input, policy, plan, id).map_err(|error| Failure::new(Exit::Refused, error))?;
        let account = account.ok_or_else(|| missing("shard", id.0))?;
        Ok(Self { planned, account })
    }

    pub(crate) fn text(&self, verbose: bool) -> String {
        let Self { planned, account } = self;
        let names = &planned.names;
        let mut text = match (account.fate, self.one()) {
            (_, Some(one)) => format!(
                "{} moves from {} to {} in wave {}: {}\n",
                names.shard_and_id(one.shard),
                names.node_and_id(one.from),
                names.node_and_id(one.to),
                one.wave,
                reason(one.reason)
            ),
            (fate, None) => format!(
                "{} on {}: {fate}{}\n",
                names.shard_and_id(account.shard),
                names.node_and_id(account.owner),
                self.because()
                    .map_or_else(String::new, |why| format!(": {why}"))
            ),
        };
        for left in self.left() {
            text.push_str(&format!("left: {}\n", left_text(left, names)));
        }
        let listed = if verbose { usize::MAX } else { NODES_LISTED };
        let rows = account
            .verdicts
            .iter()
            .take(listed)
            .map(|(node, verdict)| vec![names.node(*node), verdict.to_string()]);
        text.push_str(&format!("\n{}", table(&["node", "says"], rows)));
        if let Some(more @ 1..) = account.verdicts.len().checked_sub(listed) {
            text.push_str(&format!(
                "and {}; `-v` lists them\n",
                text::count(more, "more node")
            ));
        }
        let mut sums: BTreeMap<String, usize> = BTreeMap::new();
        for (_, verdict) in &account.verdicts {
            *sums.entry(verdict.to_string()).or_default() += 1;
        }
        if account.verdicts.len() > listed {
            for (verdict, count) in sums {
                text.push_str(&format!("{count} x {verdict}\n"));
            }
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let Self { planned, account } = self;
        let names = &planned.names;
        let one = self.one();
        let nodes = account.verdicts.iter().map(|(node, verdict)| {
            let (code, refusal) = code(*verdict);
            json!({
                "node": node,
                "node_name": names.node_name(*node),
                "verdict": code,
                "refusal": refusal,
                "text": verdict.to_string(),
            })
        });
        json!({
            "shard": account.shard,
            "shard_name": names.shard_name(account.shard),
            "node": account.owner,
            "node_name": names.node_name(account.owner),
            "fate": fate(account.fate),
            "to": one.map(|one| one.to),
            "wave": one.map(|one| one.wave),
            "why": one.map_or_else(|| account.fate.to_string(), |one| one.reason.to_string()),
            "because": self.because(),
            "left": self.left().map(ToString::to_string).collect::<Vec<_>>(),
            "nodes": nodes.collect::<Vec<_>>(),
        })
    }

    /// Why a shard stays that could move.
    fn because(&self) -> Option<&'static str> {
        let verdicts = self.account.verdicts.iter().map(|(_, verdict)| verdict);
        let has = |wanted: Verdict| verdicts.clone().any(|one| *one == wanted);
        let refused = verdicts
            .clone()
            .any(|one| matches!(one, Verdict::Refused(_)));
        match self.account.fate {
            Fate::Stays if has(Verdict::Takes) => {
                Some("a move would do good, and a limit or the other moves left it out")
            }
            Fate::Stays if has(Verdict::NoGain) => {
                Some("no node that takes it would make the balance any better")
            }
            Fate::Stays if refused => Some("every node that accepts shards refuses it"),
            Fate::Stays => Some("no other node accepts shards"),
            Fate::Moves(_)
            | Fate::Pinned
            | Fate::Quarantined
            | Fate::UnderWay
            | Fate::Unreachable => None,
        }
    }

    fn one(&self) -> Option<&Move> {
        match self.account.fate {
            Fate::Moves(at) => self.planned.plan.moves.get(at),
            Fate::Pinned | Fate::Quarantined | Fate::UnderWay | Fate::Unreachable | Fate::Stays => {
                None
            }
        }
    }

    fn left(&self) -> impl Iterator<Item = &Left> {
        let id = self.account.shard;
        let of = move |left: &&Left| matches!(left, Left::Shard { shard, .. } if *shard == id);
        self.planned.plan.left.iter().filter(of)
    }
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Moves(_) => "moves",
        Fate::Pinned => "pinned",
        Fate::Quarantined => "quarantined",
        Fate::UnderWay => "under-way",
        Fate::Unreachable => "unreachable",
        Fate::Stays => "stays",
    }
}

fn code(verdict: Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Here => ("here", None),
        Verdict::Chosen => ("chosen", None),
        Verdict::NotAccepting(state) => ("not-accepting", Some(state_code(state).to_owned())),
        Verdict::Refused(refusal) => ("refused", Some(refusal_code(refusal))),
        Verdict::NoGain => ("no-gain", None),
        Verdict::Takes => ("takes", None),
    }
}
