use std::sync::{Mutex, PoisonError};

use shardferry::executor::{Notice, Observer};
use shardferry::store::Snapshot;
use shardferry::{Migration, MigrationId};

use super::bars::Bars;
use super::tally::Tally;
use crate::names::Names;
use crate::text;

/// Watches an executor.
#[derive(Debug)]
pub(crate) struct Watch {
    names: Names,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tally: Tally,
    bars: Bars,
}

impl Watch {
    /// Watches what `snapshot` has under way.
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let tally = Tally::new(snapshot);
        let bars = Bars::new(tally.expected_bytes(), tally.bytes());
        Self {
            names: Names::of(snapshot),
            state: Mutex::new(State { tally, bars }),
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bars.clear();
    }

    /// Takes a notice in; the line that it is worth, if any.
    fn take(&self, state: &mut State, notice: &Notice<'_>) -> Option<String> {
        match notice {
            Notice::Claimed {
                migration,
                resumed_bytes,
            } => self.claimed(state, migration, *resumed_bytes),
            Notice::Copied {
                id,
                bytes,
                bytes_total,
            } => {
                state.tally.advance(*id, *bytes, *bytes_total);
                state.bars.advance(*id, *bytes, *bytes_total);
                if state.bars.is_live() {
                    return None;
                }
                state.tally.due_line()
            }
            Notice::Verified {
                id,
                bytes,
                bytes_total,
            } => {
                state.bars.compare(*id, *bytes, *bytes_total);
                None
            }
            Notice::Completed { migration } => {
                let bytes = text::bytes(state.end(migration.id, true));
                let from = self.names.node(migration.from);
                let to = self.names.node(migration.to);
                let shard = self.names.shard(migration.shard);
                Some(format!("{shard}: moved {from} -> {to}, {bytes}"))
            }
            Notice::AttemptFailed {
                id, class, reason, ..
            } => {
                state.end(*id, false);
                Some(format!(
                    "migration {id}: an attempt failed ({class}), it is tried again: {reason}"
                ))
            }
            Notice::Failed { migration } => {
                state.end(migration.id, false);
                let (shard, id) = (self.names.shard(migration.shard), migration.id);
                Some(format!(
                    "{shard}: given up; `shardferry show {id}` says why"
                ))
            }
            Notice::Cancelled { migration } => {
                state.end(migration.id, false);
                Some(format!("{}: cancelled", self.names.shard(migration.shard)))
            }
            Notice::Released { id } => {
                state.end(*id, false);
                None
            }
            Notice::Settled { .. } => None,
            Notice::CleanupFailed { cleanup, reason } => {
                let node = self.names.node(cleanup.node);
                let shard = self.names.shard(cleanup.shard);
                Some(format!(
                    "{shard} on {node}: the old copy is still there: {reason}"
                ))
            }
        }
    }

    fn claimed(&self, state: &mut State, migration: &Migration, resumed: u64) -> Option<String> {
        let label = self.names.shard(migration.shard);
        let length = state.tally.begin(migration.id, resumed);
        let to = self.names.node(migration.to);
        state.bars.begin(migration.id, length, &label, &to);
        state.bars.advance(migration.id, resumed, None);
        (resumed > 0).then(|| format!("{label}: goes on at {}", text::bytes(resumed)))
    }
}

impl State {
    /// Nobody works on the migration any more; the bytes that it brought.
    fn end(&mut self, id: MigrationId, done: bool) -> u64 {
        self.bars.end(id);
        self.tally.end(id, done)
    }
}

impl Observer for Watch {
    fn notice(&self, notice: &Notice<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = self.take(&mut state, notice);
        state
            .bars
            .overall(state.tally.bytes(), state.tally.expected_bytes());
        if let Some(line) = line {
            state.bars.line(&line);
        }
    }
}
