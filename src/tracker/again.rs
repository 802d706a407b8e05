//! Once more, and back: what follows on a migration that did not go as it should.

use uuid::Uuid;

use super::apply::{apply, settings};
use super::beginning::BeginOne;
use super::quarantine::release;
use super::{BeginError, BeginRequest, MigrationTracker};
use crate::machine::{self, Command, StepError};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, Migration, Status, Trigger};
use crate::schema::{MigrationId, ShardId, TimestampMs, table};
use crate::store::{Procedure, StoreError, Tx, get};

/// What a retry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It is still under way, and need not wait for its next attempt.
    AtOnce,
    /// It had failed or was cancelled: this one does the same move.
    Begun(MigrationId),
}

/// Why nothing was tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is no such migration.
    #[error("there is no migration {id} (ended ones are kept as long as the settings say)")]
    NotFound {
        /// The id that was asked for.
        id: MigrationId,
    },
    /// It was cut over: the shard is where it was to go.
    #[error("migration {id} is complete: there is nothing to try again")]
    Complete {
        /// The migration.
        id: MigrationId,
    },
    /// The shard has moved since: what it was moved from has it no more.
    #[error("shard {shard} has moved since migration {id}: the last move is migration {latest}")]
    MovedOn {
        /// The migration.
        id: MigrationId,
        /// Its shard.
        shard: ShardId,
        /// The migration that moved it last.
        latest: MigrationId,
    },
    /// It is under way, and the state machine refuses.
    #[error(transparent)]
    Refused(#[from] StepError),
    /// The same move cannot begin now.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a migration has no way back now.
#[derive(Debug, thiserror::Error)]
pub enum ReverseError {
    /// There is no such migration.
    #[error("there is no migration {id} (ended ones are kept as long as the settings say)")]
    NotFound {
        /// The id that was asked for.
        id: MigrationId,
    },
    /// It was not cut over: its source still owns the shard.
    #[error("migration {id} is {status}, and was never cut over: cancel it if it is under way")]
    NotCutOver {
        /// The migration.
        id: MigrationId,
        /// Where it stands.
        status: Status,
    },
    /// The shard has moved on since.
    #[error("shard {shard} has moved since migration {id}: the last move is migration {latest}")]
    MovedOn {
        /// The migration.
        id: MigrationId,
        /// Its shard.
        shard: ShardId,
        /// The migration that moved it last.
        latest: MigrationId,
    },
    /// The way back cannot begin now.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Tries again: a migration that waits after a failed attempt need not wait; one that failed or
    /// was cancelled is begun anew as another migration of the same shard, and if it set the shard
    /// aside, that ends. One transaction.
    ///
    /// # Errors
    /// [`RetryError`]; nothing changed.
    pub fn retry_migration(
        &self,
        id: MigrationId,
        reason: impl Into<Reason>,
    ) -> Result<Retried, RetryError> {
        self.write(Retry {
            id,
            new_id: MigrationId(Uuid::now_v7()),
            reason: reason.into(),
            free_bytes: self.free_bytes_if_limited(),
            now: self.now(),
        })
    }

    /// Begins the way back of a migration that was cut over: from its destination to its source. A
    /// migration of its own, with every precondition of one: the old copy at the source has to be
    /// gone, and the shard must not have moved since.
    ///
    /// ```
    /// use shardferry::tracker::{BeginError, ReverseError};
    /// use shardferry::{MigrationTracker, NodeId, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    /// tracker.start_migration(id)?;
    /// tracker.complete_migration(id)?;
    ///
    /// let refused = tracker.reverse_migration(id, "node 2 is slow");
    /// assert!(matches!(refused, Err(ReverseError::Begin(BeginError::CleanupOpen { .. }))));
    /// tracker.settle_cleanup(NodeId(1), ShardId(7))?;
    ///
    /// let back = tracker.reverse_migration(id, "node 2 is slow")?;
    /// let back = tracker.get_migration(back)?.unwrap();
    /// assert_eq!((back.from, back.to, back.reverse_of), (NodeId(2), NodeId(1), Some(id)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReverseError`]; nothing changed.
    pub fn reverse_migration(
        &self,
        id: MigrationId,
        reason: impl Into<Reason>,
    ) -> Result<MigrationId, ReverseError> {
        self.write(Reverse {
            id,
            new_id: MigrationId(Uuid::now_v7()),
            reason: reason.into(),
            free_bytes: self.free_bytes_if_limited(),
            now: self.now(),
        })
    }
}

pub(super) struct Retry {
    pub(super) id: MigrationId,
    pub(super) new_id: MigrationId,
    pub(super) reason: Reason,
    pub(super) free_bytes: Option<u64>,
    pub(super) now: TimestampMs,
}

impl Procedure for Retry {
    type Output = Retried;
    type Error = RetryError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Retried, RetryError> {
        let id = self.id;
        let before = get(tx, table::MIGRATIONS, &id)?.ok_or(RetryError::NotFound { id })?;
        match before.status() {
            Status::Pending | Status::InProgress | Status::Verifying => {
                self.hurry(tx, &before)?;
                Ok(Retried::AtOnce)
            }
            Status::Complete => Err(RetryError::Complete { id }),
            Status::Failed | Status::Cancelled => Ok(Retried::Begun(self.begin(tx, &before)?)),
        }
    }
}

impl Retry {
    fn hurry(&self, tx: &mut dyn Tx, before: &Migration) -> Result<(), RetryError> {
        let settings = settings(tx)?;
        let command = Command::Retry {
            reason: self.reason.clone(),
        };
        let transition = machine::step(before, &command, &settings, self.now)?;
        let actor = Actor::Caller;
        apply(tx, Some(before), &transition, actor, &settings, self.now)?;
        Ok(())
    }

    fn begin(&self, tx: &mut dyn Tx, before: &Migration) -> Result<MigrationId, RetryError> {
        let (id, shard) = (before.id, before.shard);
        let last = get(tx, table::LAST_MOVES, &shard)?;
        if let Some(last) = last.filter(|last| last.to != before.from) {
            let latest = last.migration;
            return Err(RetryError::MovedOn { id, shard, latest });
        }
        let aside = get(tx, table::QUARANTINE, &before.shard)?;
        if let Some(entry) = aside.filter(|entry| entry.migration == before.id) {
            release(tx, before.shard, &entry, &self.reason, self.now)?;
        }
        let begin = BeginOne {
            id: self.new_id,
            request: BeginRequest {
                priority: before.priority,
                trigger: before.trigger,
                reason: self.reason.clone(),
                ..BeginRequest::new(before.shard, before.from, before.to)
            },
            reverse_of: before.reverse_of,
            free_bytes: self.free_bytes,
            now: self.now,
        };
        Ok(begin.run(tx)?)
    }
}

pub(super) struct Reverse {
    pub(super) id: MigrationId,
    pub(super) new_id: MigrationId,
    pub(super) reason: Reason,
    pub(super) free_bytes: Option<u64>,
    pub(super) now: TimestampMs,
}

impl Procedure for Reverse {
    type Output = MigrationId;
    type Error = ReverseError;

    fn run(&self, tx: &mut dyn Tx) -> Result<MigrationId, ReverseError> {
        let id = self.id;
        let done = get(tx, table::MIGRATIONS, &id)?.ok_or(ReverseError::NotFound { id })?;
        let (shard, status) = (done.shard, done.status());
        if status != Status::Complete {
            return Err(ReverseError::NotCutOver { id, status });
        }
        let last = get(tx, table::LAST_MOVES, &shard)?;
        if let Some(last) = last.filter(|last| last.migration != id) {
            let latest = last.migration;
            return Err(ReverseError::MovedOn { id, shard, latest });
        }
        let begin = BeginOne {
            id: self.new_id,
            request: BeginRequest {
                priority: done.priority,
                trigger: Trigger::Reverse,
                reason: self.reason.clone(),
                ..BeginRequest::new(shard, done.to, done.from)
            },
            reverse_of: Some(id),
            free_bytes: self.free_bytes,
            now: self.now,
        };
        Ok(begin.run(tx)?)
    }
}
