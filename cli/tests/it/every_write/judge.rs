//! What has to hold after a kill: at once, when the command is given again, and at the end.

use shardferry::tracker::check::{
    Acknowledged, invariant_i3_terminal_rows_never_change, invariant_i12_acknowledged_survives,
};

use super::script::Step;
use super::stage::{Said, Stage, names};
use super::state::State;

/// A step between the states that it leads from and to when nothing disturbs it. No state: there
/// is no database yet.
pub(super) struct Case<'a> {
    pub(super) stage: &'a Stage,
    pub(super) step: &'a Step,
    pub(super) before: Option<&'a State>,
    pub(super) after: &'a State,
}

impl Case<'_> {
    /// Everything that has to hold after `said` was killed. Goes on with the work.
    pub(super) fn judge(&self, said: &Said) -> Result<(), String> {
        let left = self.at_once(said).map_err(|what| format!("left: {what}"))?;
        self.again(left.as_ref())
            .map_err(|what| format!("again: {what}"))?;
        self.to_the_end()
            .map_err(|what| format!("at the end: {what}"))
    }

    /// What the kill left: the binary finds it sound; what was printed is there; what was not
    /// is there whole or not at all.
    fn at_once(&self, said: &Said) -> Result<Option<State>, String> {
        let there = self.stage.database().exists();
        ensure(there || self.before.is_none(), || "no database".to_owned())?;
        ensure(there || !said.is_whole, || {
            "created, it said, and there is no database".to_owned()
        })?;
        if there {
            self.binary("check", &[0])?;
        }
        let left = State::read(self.stage)?;
        if let Some(left) = &left {
            self.between(left)?;
            self.whole_at_the_owner(left)?;
            ensure(!said.is_whole || left.is(self.after), || {
                format!(
                    "acknowledged, and there is {:?}",
                    differing(left, self.after)
                )
            })?;
        }
        Ok(left)
    }

    /// The state is on the way from the one before to the one after.
    fn between(&self, left: &State) -> Result<(), String> {
        let is_before = self.before.is_some_and(|before| left.is(before));
        if self.step.is_one_transaction() {
            return ensure(is_before || left.is(self.after), || {
                format!("half of it: {:?}", differing(left, self.after))
            });
        }
        let logs = self.before.into_iter().chain([self.after]);
        for (seq, event) in logs.flat_map(|state| &state.log) {
            let is = left.log.get(seq);
            ensure(is.is_none_or(|is| is == event), || {
                format!("event {seq} is {is:?}, not {event}")
            })?;
        }
        ensure(left.newest() <= self.after.newest(), || {
            format!("there are {} events", left.newest())
        })?;
        let Some(before) = self.before else {
            return Ok(());
        };
        let known = before.image.migrations.values();
        let answers: Vec<_> = known
            .map(|row| Acknowledged {
                id: row.id,
                status: row.status(),
            })
            .collect();
        let lost = invariant_i12_acknowledged_survives(&answers, &left.image);
        ensure(lost.is_empty(), || format!("{lost:?}"))?;
        let changed = invariant_i3_terminal_rows_never_change(&before.image, &left.image);
        ensure(changed.is_empty(), || format!("{changed:?}"))
    }

    /// The owner of each shard has all of it, under its name or under that of a finished copy.
    fn whole_at_the_owner(&self, left: &State) -> Result<(), String> {
        for shard in left.image.shards.values() {
            let name = shard.name.to_string();
            let node = left.image.nodes.get(&shard.owner).unwrap().name.to_string();
            let folder = self.stage.path(&node, "");
            let mut copies = names(&folder).into_iter();
            let has = copies.any(|entry| {
                let fits = entry == name || entry.ends_with(".part");
                fits && self.stage.is_whole(&name, &folder.join(entry))
            });
            ensure(has, || format!("{name} is not whole on {node}"))?;
        }
        Ok(())
    }

    /// The same command again: done, or refused because it was done.
    fn again(&self, left: Option<&State>) -> Result<(), String> {
        let is_done = left.is_some_and(|left| left.is(self.after));
        let refused = 3;
        let (code, err) = self.stage.run(self.step);
        let one = self.step.is_one_transaction();
        let fits =
            code == self.step.code || (one && is_done && code == refused) || (!one && code == 0);
        ensure(fits, || format!("exit {code}: {err}"))?;
        let now = State::read(self.stage)?.ok_or("there is no database")?;
        // Done twice it is in the log twice.
        let is_there = if is_done {
            now.rows == self.after.rows
        } else {
            now.is(self.after)
        };
        ensure(!one || is_there, || {
            format!("{:?}", differing(&now, self.after))
        })
    }

    /// What is under way ends, and nothing is left of it but the shards.
    fn to_the_end(&self) -> Result<(), String> {
        // A move that is made to fail leaves 5.
        self.binary("run --workers 1", &[0, 5])?;
        self.binary("check", &[0])?;
        let end = State::read(self.stage)?.ok_or("there is no database")?;
        ensure(end.image.active_shards.is_empty(), || {
            format!("{:?}", end.image.active_shards)
        })?;
        ensure(end.image.cleanups.is_empty(), || {
            format!("{:?}", end.image.cleanups)
        })?;
        self.whole_at_the_owner(&end)?;
        self.stage.is_tidy()
    }

    fn binary(&self, line: &str, codes: &[i32]) -> Result<(), String> {
        let (code, err) = self.stage.run(&Step::parse(line));
        ensure(codes.contains(&code), || {
            format!("{line}: exit {code}: {err}")
        })
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn differing(is: &State, other: &State) -> Vec<String> {
    let only = |one: &State, two: &State, sign: &str| {
        let log = one.log.iter().map(|(seq, event)| format!("{seq} {event}"));
        let of_two: Vec<_> = two
            .log
            .iter()
            .map(|(seq, event)| format!("{seq} {event}"))
            .collect();
        let rows = one
            .rows
            .iter()
            .filter(|row| !two.rows.contains(row))
            .cloned();
        let log = log.filter(|event| !of_two.contains(event));
        rows.chain(log)
            .map(|row| format!("{sign} {row}"))
            .collect::<Vec<_>>()
    };
    let mut found = only(is, other, "+");
    found.extend(only(other, is, "-"));
    found
}
