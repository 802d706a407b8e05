use super::MigrationTracker;
use super::apply::settings;
use super::log::{About, append};
use crate::machine::backoff_ms;
use crate::schema::text::{ExecutorName, Reason};
use crate::schema::v1::{Actor, Cleanup, EventKind};
use crate::schema::{MigrationId, NodeId, ShardId, TimestampMs, table};
use crate::store::{Procedure, StoreError, Tx, delete, get, put};

/// Why an entry of the cleanup ledger stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// There is no such entry: it was settled before, or never left.
    #[error("there is no cleanup of shard {shard} on node {node}")]
    NotFound {
        /// Where the copy would be.
        node: NodeId,
        /// The shard.
        shard: ShardId,
    },
    /// The entry was left by another migration than the one that is reported about.
    #[error(
        "the cleanup of shard {shard} on node {node} is that of migration {current}, not {got}"
    )]
    Superseded {
        /// Where the copy is.
        node: NodeId,
        /// The shard.
        shard: ShardId,
        /// The migration that left it.
        current: MigrationId,
        /// The migration that was reported about.
        got: MigrationId,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Says that a copy that had to go is gone. From then on the shard may move there again.
    ///
    /// # Errors
    /// [`CleanupError`]; nothing changed.
    pub fn settle_cleanup(&self, node: NodeId, shard: ShardId) -> Result<(), CleanupError> {
        self.write(OnCleanup {
            node,
            shard,
            migration: None,
            report: CleanupReport::Settled,
            actor: Actor::Caller,
            now: self.now(),
        })
    }

    /// Says what an executor did about `cleanup`.
    pub(crate) fn report_cleanup(
        &self,
        cleanup: &Cleanup,
        report: CleanupReport,
        executor: &ExecutorName,
    ) -> Result<(), CleanupError> {
        self.write(OnCleanup {
            node: cleanup.node,
            shard: cleanup.shard,
            migration: Some(cleanup.migration),
            report,
            actor: Actor::Executor(executor.clone()),
            now: self.now(),
        })
    }
}

/// What was done about a copy that has to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CleanupReport {
    /// The destination serves its copy.
    Activated,
    /// The copy is gone.
    Settled,
    /// It did not succeed; it is tried again.
    Failed(Reason),
}

pub(super) struct OnCleanup {
    pub(super) node: NodeId,
    pub(super) shard: ShardId,
    pub(super) migration: Option<MigrationId>,
    pub(super) report: CleanupReport,
    pub(super) actor: Actor,
    pub(super) now: TimestampMs,
}

impl Procedure for OnCleanup {
    type Output = ();
    type Error = CleanupError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), CleanupError> {
        let key = (self.node, self.shard);
        let cleanup = self.load(tx)?;
        match &self.report {
            CleanupReport::Activated => {
                let next = Cleanup {
                    activated: true,
                    ..cleanup
                };
                put(tx, table::CLEANUPS, &key, &next)?;
                self.log(tx, &next, EventKind::Activated, &Reason::default())
            }
            CleanupReport::Settled => {
                delete(tx, table::CLEANUPS, &key)?;
                let kind = EventKind::CleanupSettled {
                    node: self.node,
                    kind: cleanup.kind,
                };
                self.log(tx, &cleanup, kind, &Reason::default())
            }
            CleanupReport::Failed(reason) => self.fail(tx, cleanup, reason),
        }
    }
}

impl OnCleanup {
    fn load(&self, tx: &mut dyn Tx) -> Result<Cleanup, CleanupError> {
        let (node, shard) = (self.node, self.shard);
        let cleanup = get(tx, table::CLEANUPS, &(node, shard))?
            .ok_or(CleanupError::NotFound { node, shard })?;
        match self.migration {
            Some(got) if got != cleanup.migration => Err(CleanupError::Superseded {
                node,
                shard,
                current: cleanup.migration,
                got,
            }),
            Some(_) | None => Ok(cleanup),
        }
    }

    fn fail(&self, tx: &mut dyn Tx, cleanup: Cleanup, reason: &Reason) -> Result<(), CleanupError> {
        let settings = settings(tx)?;
        let failed_attempts = cleanup.failed_attempts.saturating_add(1);
        let retry_at_ms =
            self.now
                .plus_ms(backoff_ms(&settings, cleanup.migration, failed_attempts));
        let next = Cleanup {
            failed_attempts,
            retry_at_ms,
            last_error: Some(reason.clone()),
            ..cleanup
        };
        put(tx, table::CLEANUPS, &(self.node, self.shard), &next)?;
        let kind = EventKind::CleanupFailed {
            node: self.node,
            retry_at_ms,
        };
        self.log(tx, &next, kind, reason)
    }

    fn log(
        &self,
        tx: &mut dyn Tx,
        cleanup: &Cleanup,
        kind: EventKind,
        cause: &Reason,
    ) -> Result<(), CleanupError> {
        let about = About::kept(tx, cleanup.migration, self.shard)?;
        append(tx, about, kind, self.actor.clone(), cause, self.now)?;
        Ok(())
    }
}
