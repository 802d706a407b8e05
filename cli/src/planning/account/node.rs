use std::ffi::OsStr;

use serde_json::{Value, json};
use shardferry::planner::{Left, Move, NodeLoad};

use super::missing;
use crate::failure::Failure;
use crate::planning::Planned;
use crate::planning::document::state_code;
use crate::planning::text::{NODES_LISTED, amount, left_text, range, reason};
use crate::table::table;
use crate::text;

/// What becomes of a node.
#[derive(Debug)]
pub(crate) struct NodeAccount<'a> {
    planned: &'a Planned,
    load: &'a NodeLoad,
    state: &'static str,
    /// The shards that it owns, and those that are pinned among them.
    owned: usize,
    pinned: usize,
}

impl<'a> NodeAccount<'a> {
    pub(crate) fn of(planned: &'a Planned, given: &OsStr) -> Result<Self, Failure> {
        let id = planned.names.find_node(given)?;
        let load = planned.plan.loads.iter().find(|load| load.node == id);
        let load = load.ok_or_else(|| missing("node", id.0))?;
        let owned = planned
            .input
            .shards
            .iter()
            .filter(|shard| shard.owner == id);
        let state = planned
            .states()
            .get(&id)
            .map_or("unknown", |one| state_code(*one));
        Ok(Self {
            planned,
            load,
            state,
            owned: owned.clone().count(),
            pinned: owned.filter(|shard| shard.pinned).count(),
        })
    }

    pub(crate) fn text(&self, verbose: bool) -> String {
        let Self { planned, load, .. } = self;
        let names = &planned.names;
        let mut text = format!(
            "{}: {}, {}, {} pinned\n",
            names.node_and_id(load.node),
            self.state,
            text::count(self.owned, "shard"),
            self.pinned
        );
        for (rank, resource) in planned.policy.priorities().iter().enumerate() {
            let (before, after) = (load.before.get(*resource), load.after.get(*resource));
            let band = load.bands.get(rank);
            let band = band.map_or_else(
                || "not part of the balance".to_owned(),
                |band| format!("band {}", range(band, *resource)),
            );
            text.push_str(&format!(
                "{resource}: {} before, {} after; {band}\n",
                amount(before, *resource),
                amount(after, *resource)
            ));
        }
        for left in self.left() {
            text.push_str(&format!("left: {}\n", left_text(left, names)));
        }
        for (title, moves) in [("leaves", self.moves(true)), ("arrives", self.moves(false))] {
            let listed = if verbose { moves.len() } else { NODES_LISTED };
            let rows = moves.iter().take(listed).map(|one| {
                let other = if title == "leaves" { one.to } else { one.from };
                vec![
                    names.shard(one.shard),
                    names.node(other),
                    text::bytes(one.bytes),
                    one.wave.to_string(),
                    reason(one.reason),
                ]
            });
            let way = if title == "leaves" { "to" } else { "from" };
            text.push_str(&format!(
                "\n{title}: {}\n",
                text::count(moves.len(), "shard")
            ));
            if !moves.is_empty() {
                text.push_str(&table(&["shard", way, "bytes>", "wave>", "why"], rows));
            }
            if let Some(more @ 1..) = moves.len().checked_sub(listed) {
                text.push_str(&format!("and {more} more; `-v` lists them\n"));
            }
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let Self { planned, load, .. } = self;
        let moved = |out: bool| {
            let moves = self.moves(out);
            let each = moves.iter().map(|one| {
                json!({
                    "shard": one.shard,
                    "shard_name": planned.names.shard_name(one.shard),
                    "node": if out { one.to } else { one.from },
                    "wave": one.wave,
                    "bytes": one.bytes,
                    "reason": one.reason.as_str(),
                    "why": one.reason.to_string(),
                })
            });
            each.collect::<Vec<_>>()
        };
        let number = |load: u128| u64::try_from(load).unwrap_or(u64::MAX);
        let balance = planned.policy.priorities().iter().enumerate();
        let balance = balance.map(|(rank, resource)| {
            let band = load.bands.get(rank);
            json!({
                "resource": resource.to_string(),
                "before": number(load.before.get(*resource)),
                "after": number(load.after.get(*resource)),
                "least": band.map(|band| number(band.least)),
                "most": band.map(|band| number(band.most)),
            })
        });
        json!({
            "node": load.node,
            "node_name": planned.names.node_name(load.node),
            "state": self.state,
            "shards": self.owned,
            "pinned": self.pinned,
            "balance": balance.collect::<Vec<_>>(),
            "leaves": moved(true),
            "arrives": moved(false),
            "left": self.left().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    fn moves(&self, out: bool) -> Vec<&'a Move> {
        let end = |one: &&Move| if out { one.from } else { one.to } == self.load.node;
        self.planned.plan.moves.iter().filter(end).collect()
    }

    fn left(&self) -> impl Iterator<Item = &'a Left> {
        let id = self.load.node;
        let of = move |left: &&Left| match left {
            Left::Shard { node, .. } | Left::Node { node, .. } => *node == id,
        };
        self.planned.plan.left.iter().filter(of)
    }
}
