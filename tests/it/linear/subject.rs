use std::collections::HashMap;

use shardferry::machine::StepError;
use shardferry::tracker::{BeginError, Claim, ClaimError, CleanupError, TransitionError};
use shardferry::{CancelOutcome, Migration, MigrationId, MigrationTracker, ShardId};

use super::history::{Call, Ret};
use crate::support::{A, B, worker};

/// What is wrong with a subject on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A begin looks first and takes the migration of whoever was quicker for its own.
    LostRaceIsWon,
    /// A reader is shown what was there at its last call.
    ReadsLag,
}

/// What the threads ask: the tracker, or a tracker with a bug in front of it.
pub(super) struct Subject<'t> {
    tracker: &'t MigrationTracker,
    bug: Option<Bug>,
}

impl<'t> Subject<'t> {
    pub(super) fn new(tracker: &'t MigrationTracker, bug: Option<Bug>) -> Self {
        Self { tracker, bug }
    }

    pub(super) fn reader(&self) -> Reader<'_, 't> {
        Reader {
            subject: self,
            claims: HashMap::new(),
            seen: HashMap::new(),
        }
    }
}

/// One thread's way to it.
pub(super) struct Reader<'s, 't> {
    subject: &'s Subject<'t>,
    claims: HashMap<(MigrationId, u64), Claim<'t>>,
    seen: HashMap<ShardId, Option<MigrationId>>,
}

impl Reader<'_, '_> {
    pub(super) fn ask(&mut self, shard: ShardId, call: &Call) -> Ret {
        let tracker = self.subject.tracker;
        match call {
            Call::Begin => self.begin(shard),
            Call::Active => self.active(shard),
            Call::Claim(id) => match tracker.claim(*id, &worker()) {
                Ok(claim) => {
                    let epoch = claim.epoch().0;
                    self.claims.insert((*id, epoch), claim);
                    Ret::Claimed(epoch)
                }
                Err(ClaimError::Refused(error)) => refusal(&error),
                Err(error) => panic!("{error}"),
            },
            Call::Report(id, epoch) => told(self.claims[&(*id, *epoch)].report(0, None, None)),
            Call::Complete(id, epoch) => told(self.claims[&(*id, *epoch)].complete()),
            Call::Release(id, epoch) => told(self.claims[&(*id, *epoch)].release()),
            Call::Cancel(id) => match tracker.cancel_migration(*id, "not wanted") {
                Ok(CancelOutcome::Cancelled) => Ret::Cancelled,
                Ok(CancelOutcome::Cancelling) => Ret::Cancelling,
                Err(TransitionError::Refused(error)) => refusal(&error),
                Err(error) => panic!("{error}"),
            },
            Call::Settle(node) => match tracker.settle_cleanup(*node, shard) {
                Ok(()) => Ret::Done,
                Err(CleanupError::NotFound { .. }) => Ret::NotFound,
                Err(error) => panic!("{error}"),
            },
        }
    }

    fn begin(&self, shard: ShardId) -> Ret {
        let Subject { tracker, bug } = self.subject;
        let looked =
            *bug == Some(Bug::LostRaceIsWon) && tracker.active_migration(shard).unwrap().is_none();
        if looked {
            std::thread::yield_now();
        }
        match tracker.begin_migration(shard, A, B) {
            Ok(id) => Ret::Begun(id),
            Err(BeginError::AlreadyMigrating { migration, .. }) if looked => Ret::Begun(migration),
            Err(BeginError::AlreadyMigrating { migration, .. }) => Ret::Busy(migration),
            Err(BeginError::CleanupOpen { node, .. }) => Ret::Ledger(node),
            Err(error) => panic!("{error}"),
        }
    }

    fn active(&mut self, shard: ShardId) -> Ret {
        let active = self.subject.tracker.active_migration(shard).unwrap();
        let active = active.map(|row| row.id);
        let before = self.seen.insert(shard, active);
        match (self.subject.bug, before) {
            (Some(Bug::ReadsLag), Some(before)) => Ret::Active(before),
            _ => Ret::Active(active),
        }
    }
}

fn told(answer: Result<Migration, TransitionError>) -> Ret {
    match answer {
        Ok(_) => Ret::Done,
        Err(TransitionError::Refused(error)) => refusal(&error),
        Err(error) => panic!("{error}"),
    }
}

fn refusal(error: &StepError) -> Ret {
    match error {
        StepError::Ended { .. } => Ret::Ended,
        StepError::Fenced { .. } => Ret::Fenced,
        StepError::Held { .. } => Ret::Held,
        StepError::Cancelling { .. } => Ret::Cancelling,
        error => panic!("{error}"),
    }
}
