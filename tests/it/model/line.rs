//! Who may claim what, and in which order.

use shardferry::schema::v1::PauseScope;
use shardferry::tracker::check::Image;
use shardferry::{NodeId, NodeState, Status};

use super::reference::{Holder, Model, Moved};

/// What became of the wish to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Granted,
    Refused,
    /// Refused, and the slot of an executor that is gone is free.
    Freed,
}

/// What became of the wish to claim whatever is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) at: Option<usize>,
    pub(super) freed: bool,
    /// The first in the line is another: it was passed over.
    pub(super) passed_over: bool,
}

impl Model {
    pub(super) fn is_paused(&self, at: usize) -> bool {
        let row = &self.migrations[at];
        let scopes = [
            PauseScope::Everything,
            PauseScope::Node(NodeId(row.from)),
            PauseScope::Node(NodeId(row.to)),
            PauseScope::Migration(row.id),
        ];
        scopes.iter().any(|scope| self.pauses.contains(scope))
    }

    /// Whether another slot would be one too many.
    fn is_full(&self, at: usize) -> bool {
        let pair = |row: &Moved| (row.from, row.to);
        let held = || self.migrations.iter().filter(|row| row.held.is_some());
        let here = pair(&self.migrations[at]);
        let beside = held().filter(|row| pair(row) == here).count();
        let full = |limit: Option<u32>, held| limit.is_some_and(|limit| held >= limit as usize);
        full(self.limit, held().count()) || full(self.pair_limit, beside)
    }

    /// Whether a slot is all that some migration lacks.
    pub(super) fn waits_for_a_slot(&self) -> bool {
        (0..self.migrations.len()).any(|at| {
            let mut freely = self.clone();
            (freely.limit, freely.pair_limit) = (None, None);
            self.is_full(at) && freely.claim(at, 0) == Wish::Granted
        })
    }

    pub(super) fn claim(&mut self, at: usize, executor: usize) -> Wish {
        let (full, paused) = (self.is_full(at), self.is_paused(at));
        let row = &mut self.migrations[at];
        if row.status.is_terminal() || row.held.is_some_and(|holder| holder.alive) {
            return Wish::Refused;
        }
        if row.waits && !row.cancelling {
            return Wish::Refused;
        }
        let down = [row.from, row.to]
            .iter()
            .any(|node| self.nodes.get(node) == Some(&NodeState::Down));
        let unserved = self.unserved.contains_key(&row.shard);
        // Where writes may be stopped, somebody has to let them go on, pause or not.
        if down || unserved || (paused && !row.fenced) {
            // It waits, and what somebody who is gone held of it is free.
            if row.held.is_some() {
                let ends = row.cancelling && !row.fenced;
                (row.held, row.status) = (None, Status::InProgress);
                if ends {
                    self.end(at, Status::Cancelled);
                }
                return Wish::Freed;
            }
            return Wish::Refused;
        }
        // What is held by somebody who is gone passes on, whatever the limit.
        if row.held.is_none() && full {
            return Wish::Refused;
        }
        row.epoch += 1;
        let alive = true;
        (row.held, row.bytes, row.status) =
            (Some(Holder { executor, alive }), 0, Status::InProgress);
        Wish::Granted
    }

    /// Everything under way, whose turn it is first.
    fn line(&self) -> Vec<usize> {
        let under_way = |at: &usize| !self.migrations[*at].status.is_terminal();
        let mut line: Vec<_> = (0..self.migrations.len()).filter(under_way).collect();
        line.sort_by_key(|at| {
            let row = &self.migrations[*at];
            let anew = row.failed_attempts > 0;
            let since_ms = if anew {
                row.not_before_ms
            } else {
                row.created_ms
            };
            let priority = i128::from(row.priority);
            let (rank, worth_ms) = match self.ageing_ms {
                0 => (-priority, 0),
                ageing_ms => (0, priority * i128::from(ageing_ms)),
            };
            // Writes to a source that are stopped are everybody's first concern.
            let stands_in_line = (anew || row.status == Status::Pending) && !row.fenced;
            (stands_in_line, rank, i128::from(since_ms) - worth_ms, *at)
        });
        line
    }

    pub(super) fn claim_next(&mut self, executor: usize) -> Chosen {
        let mut freed = false;
        loop {
            let mut again = false;
            for (place, at) in self.line().into_iter().enumerate() {
                match self.claim(at, executor) {
                    Wish::Granted => {
                        return Chosen {
                            at: Some(at),
                            freed,
                            passed_over: place > 0,
                        };
                    }
                    Wish::Freed => again = true,
                    Wish::Refused => {}
                }
            }
            freed |= again;
            if !again {
                return Chosen {
                    at: None,
                    freed,
                    passed_over: false,
                };
            }
        }
    }

    /// What only the file knows: the times.
    pub(super) fn learn_times(&mut self, image: &Image) {
        for row in &mut self.migrations {
            if let Some(real) = image.migrations.get(&row.id) {
                row.created_ms = real.created_at_ms.0;
                row.not_before_ms = real.not_before_ms.0;
            }
        }
    }
}
