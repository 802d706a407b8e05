use super::MigrationTracker;
use super::told::Told;
use super::transit::{Judged, Transit, Transited};
use crate::machine::{By, Command, Report, StepError};
use crate::schema::text::{Algorithm, Checkpoint, Reason};
use crate::schema::v1::{FailureClass, Migration, NodeState, PauseScope, Side, Status};
use crate::schema::{MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::{Commit, StoreError};

/// Why a migration stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum TransitionError {
    /// There is no such migration, or it ended so long ago that it is no longer kept.
    #[error("there is no migration {id} (ended ones are kept as long as the settings say)")]
    NotFound {
        /// The id that was asked for.
        id: MigrationId,
    },
    /// The state machine refuses.
    #[error(transparent)]
    Refused(#[from] StepError),
    /// At the cutover, the source turned out not to own the shard.
    #[error(
        "migration {id}: shard {shard} belongs to node {owner}, not to {from}; cancel the migration"
    )]
    NotOwner {
        /// The migration.
        id: MigrationId,
        /// The shard.
        shard: ShardId,
        /// The source of the migration.
        from: NodeId,
        /// The owner.
        owner: NodeId,
    },
    /// At the cutover, the destination is not registered.
    #[error("migration {id}: node {node} is not registered; register it, or cancel the migration")]
    UnknownNode {
        /// The migration.
        id: MigrationId,
        /// The destination.
        node: NodeId,
    },
    /// At the cutover, the destination does not accept shards.
    #[error(
        "migration {id}: node {node} is {state:?} and accepts no shard; \
         make it active, or cancel the migration"
    )]
    NotAccepting {
        /// The migration.
        id: MigrationId,
        /// The destination.
        node: NodeId,
        /// Its state.
        state: NodeState,
    },
    /// It is paused: the executor is to let go, and nothing is fenced or cut over.
    #[error("migration {id} is paused since {since_ms} ms ({scope:?}): {reason}")]
    Paused {
        /// The migration.
        id: MigrationId,
        /// What is paused.
        scope: PauseScope,
        /// Since when.
        since_ms: TimestampMs,
        /// Why.
        reason: Reason,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of the wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The migration is cancelled.
    Cancelled,
    /// An executor is at work; it lets go at its next report, and the migration is cancelled then.
    Cancelling,
}

impl MigrationTracker {
    /// Starts a pending migration without an executor.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn start_migration(&self, id: MigrationId) -> Result<Migration, TransitionError> {
        self.transit(id, Command::Start { by: By::Caller })
    }

    /// Says how far a copy is, and of how much when that is known. Starts a pending migration.
    ///
    /// Readers see it at once; the disk has it with the next transition, or when it is
    /// `progress_lag_ms_max` behind at the next report, or at [`Self::flush`].
    ///
    /// # Errors
    /// [`TransitionError`]; progress that goes back or passes the total is refused, and so is any
    /// while an executor holds the migration.
    pub fn update_progress(
        &self,
        id: MigrationId,
        bytes_migrated: u64,
        bytes_total: impl Into<Option<u64>>,
    ) -> Result<Migration, TransitionError> {
        self.report(
            id,
            Report {
                bytes_migrated,
                bytes_total: bytes_total.into(),
                checkpoint: None,
            },
        )
    }

    /// As [`Self::update_progress`], with a cursor from which the copy can go on.
    ///
    /// # Errors
    /// As [`Self::update_progress`].
    pub fn save_checkpoint(
        &self,
        id: MigrationId,
        bytes_migrated: u64,
        bytes_total: impl Into<Option<u64>>,
        cursor: Checkpoint,
    ) -> Result<Migration, TransitionError> {
        self.report(
            id,
            Report {
                bytes_migrated,
                bytes_total: bytes_total.into(),
                checkpoint: Some(cursor),
            },
        )
    }

    fn report(&self, id: MigrationId, report: Report) -> Result<Migration, TransitionError> {
        let by = By::Caller;
        self.transit_lazily(id, Command::Progress { by, report })
    }

    /// The copy is there: the comparison starts.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn begin_verification(&self, id: MigrationId) -> Result<Migration, TransitionError> {
        self.transit(id, Command::BeginVerification { by: By::Caller })
    }

    /// Hands in what the comparison found on both sides.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn submit_evidence(
        &self,
        id: MigrationId,
        algorithm: Algorithm,
        source: Side,
        destination: Side,
    ) -> Result<Migration, TransitionError> {
        self.transit(
            id,
            Command::SubmitEvidence {
                by: By::Caller,
                algorithm,
                source,
                destination,
            },
        )
    }

    /// The cutover: from here on the destination owns the shard, and what the source still has is
    /// to be removed ([`Self::settle_cleanup`]). One transaction; a crash leaves all of it or
    /// none of it.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed. With `verification = required`, matching evidence of
    /// the current attempt is demanded.
    pub fn complete_migration(&self, id: MigrationId) -> Result<Migration, TransitionError> {
        let (by, waived) = (By::Caller, None);
        self.transit(id, Command::Complete { by, waived })
    }

    /// As [`Self::complete_migration`], without the evidence that the settings demand. The reason is
    /// in the log, as an event of its own. Evidence of the current attempt that the copies differ is
    /// not waived.
    ///
    /// # Errors
    /// As [`Self::complete_migration`].
    pub fn complete_unverified(
        &self,
        id: MigrationId,
        reason: impl Into<Reason>,
    ) -> Result<Migration, TransitionError> {
        let (by, waived) = (By::Caller, Some(reason.into()));
        self.transit(id, Command::Complete { by, waived })
    }

    /// Gives up: the source keeps the shard, and what was copied is to be removed
    /// ([`Self::settle_cleanup`]).
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn fail_migration(
        &self,
        id: MigrationId,
        reason: impl Into<Reason>,
    ) -> Result<Migration, TransitionError> {
        self.transit(
            id,
            Command::Fail {
                by: By::Caller,
                class: FailureClass::Permanent,
                reason: reason.into(),
            },
        )
    }

    /// Calls a migration off. At once when nobody works on it; else the executor is asked to let
    /// go, and a restart honours the wish.
    ///
    /// # Errors
    /// [`TransitionError`]; after the cutover it is [`StepError::Ended`], and the way back is a
    /// migration of its own.
    pub fn cancel_migration(
        &self,
        id: MigrationId,
        reason: impl Into<Reason>,
    ) -> Result<CancelOutcome, TransitionError> {
        let session = self.session;
        let reason = reason.into();
        let next = self.transit(id, Command::Cancel { session, reason })?;
        Ok(match next.status() {
            Status::Cancelled => CancelOutcome::Cancelled,
            Status::Pending
            | Status::InProgress
            | Status::Verifying
            | Status::Complete
            | Status::Failed => CancelOutcome::Cancelling,
        })
    }

    /// Gives `command` to a migration; the answer is the record after it.
    pub(super) fn transit(
        &self,
        id: MigrationId,
        command: Command,
    ) -> Result<Migration, TransitionError> {
        self.transit_with(id, command, |_| Commit::Durable)
    }

    /// As [`Self::transit`], for what may be lost in a crash: progress and signs of life. What the
    /// log speaks of is not among it: nobody must see an event that a crash takes back.
    pub(super) fn transit_lazily(
        &self,
        id: MigrationId,
        command: Command,
    ) -> Result<Migration, TransitionError> {
        let lazily = self.lazily();
        self.transit_with(id, command, move |done| {
            if done.logged { Commit::Durable } else { lazily }
        })
    }

    fn transit_with(
        &self,
        id: MigrationId,
        command: Command,
        commit: impl FnOnce(&Transited) -> Commit + Send + 'static,
    ) -> Result<Migration, TransitionError> {
        let transit = Transit {
            id,
            command,
            now: self.now(),
        };
        let commit = move |judged: &Judged| match judged {
            Judged::Done(done) => commit(done),
            Judged::Refused(_) => Commit::Durable,
        };
        Told::of(id, transit.command.name()).doing(|| match self.store.write(transit, commit)? {
            Judged::Done(done) => Ok(done.next),
            Judged::Refused(refusal) => Err(refusal.into()),
        })
    }
}
