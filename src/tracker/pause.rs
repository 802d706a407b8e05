//! Holding work back, for everything, a node, or one migration.

use super::MigrationTracker;
use super::log::{About, append};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, EventKind, Pause, PauseScope, Status};
use crate::schema::{MigrationId, TimestampMs, table};
use crate::store::{Procedure, Scan, StoreError, Tx, delete, get, put, scan};

/// Why nothing was paused, or nothing goes on.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// There is no such migration to pause.
    #[error("there is no migration {id} (ended ones are kept as long as the settings say)")]
    NotFound {
        /// The id that was asked for.
        id: MigrationId,
    },
    /// It is over, so there is nothing to hold back.
    #[error("migration {id} is {status}: there is nothing to pause")]
    Ended {
        /// The migration.
        id: MigrationId,
        /// How it ended.
        status: Status,
    },
    /// It is not paused.
    #[error("{scope:?} is not paused")]
    NotPaused {
        /// What was to go on.
        scope: PauseScope,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Holds back what `scope` names, until [`Self::resume`]: nothing of it is claimed, and executors
    /// at work on it let go at their next report, with what they have. Once writes to a source are
    /// stopped, its cutover is finished first; where its executor died meanwhile, the migration is still
    /// claimed, so that somebody lets writes go on. Cleanups are not held back. A flag in the file, not a
    /// state: a restart changes nothing, and pauses of different scopes count each for itself.
    ///
    /// A second pause of the same scope changes the reason, and keeps since when.
    ///
    /// ```
    /// use shardferry::schema::text::ExecutorName;
    /// use shardferry::schema::v1::PauseScope;
    /// use shardferry::tracker::ClaimError;
    /// use shardferry::{MigrationTracker, NodeId, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    ///
    /// tracker.pause(PauseScope::Node(NodeId(2)), "its disk is being replaced")?;
    /// let worker = ExecutorName::new("worker")?;
    /// assert!(matches!(tracker.claim(id, &worker), Err(ClaimError::Paused { .. })));
    ///
    /// tracker.resume(PauseScope::Node(NodeId(2)), "it is there")?;
    /// assert!(tracker.claim(id, &worker).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PauseError`]; nothing changed.
    pub fn pause(&self, scope: PauseScope, reason: impl Into<Reason>) -> Result<(), PauseError> {
        self.write(SetPause {
            scope,
            reason: reason.into(),
            now: self.now(),
        })
    }

    /// Lets go on what [`Self::pause`] held back under the same scope.
    ///
    /// # Errors
    /// [`PauseError::NotPaused`] when it is not; nothing changed.
    pub fn resume(&self, scope: PauseScope, reason: impl Into<Reason>) -> Result<(), PauseError> {
        self.write(Resume {
            scope,
            reason: reason.into(),
            now: self.now(),
        })
    }

    /// What is paused, since when and why.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn pauses(&self) -> Result<Vec<(PauseScope, Pause)>, StoreError> {
        self.store
            .read(|rows| scan(rows, table::PAUSES, &Scan::all()))
    }
}

pub(super) struct SetPause {
    pub(super) scope: PauseScope,
    pub(super) reason: Reason,
    pub(super) now: TimestampMs,
}

impl Procedure for SetPause {
    type Output = ();
    type Error = PauseError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), PauseError> {
        let scope = self.scope;
        if let PauseScope::Migration(id) = scope {
            let migration = get(tx, table::MIGRATIONS, &id)?.ok_or(PauseError::NotFound { id })?;
            let status = migration.status();
            if status.is_terminal() {
                return Err(PauseError::Ended { id, status });
            }
        }
        let before = get(tx, table::PAUSES, &scope)?;
        let pause = Pause {
            at_ms: before.map_or(self.now, |before| before.at_ms),
            reason: self.reason.clone(),
        };
        put(tx, table::PAUSES, &scope, &pause)?;
        log(
            tx,
            scope,
            EventKind::Paused { scope },
            &self.reason,
            self.now,
        )
    }
}

pub(super) struct Resume {
    pub(super) scope: PauseScope,
    pub(super) reason: Reason,
    pub(super) now: TimestampMs,
}

impl Procedure for Resume {
    type Output = ();
    type Error = PauseError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), PauseError> {
        let scope = self.scope;
        if get(tx, table::PAUSES, &scope)?.is_none() {
            return Err(PauseError::NotPaused { scope });
        }
        delete(tx, table::PAUSES, &scope)?;
        log(
            tx,
            scope,
            EventKind::Resumed { scope },
            &self.reason,
            self.now,
        )
    }
}

/// The pause of one migration is part of its story; the others are the cluster's.
fn log(
    tx: &mut dyn Tx,
    scope: PauseScope,
    kind: EventKind,
    reason: &Reason,
    now: TimestampMs,
) -> Result<(), PauseError> {
    let about = match scope {
        PauseScope::Migration(id) => get(tx, table::MIGRATIONS, &id)?
            .as_ref()
            .map_or_else(About::the_cluster, About::migration),
        PauseScope::Everything | PauseScope::Node(_) => About::the_cluster(),
    };
    append(tx, about, kind, Actor::Caller, reason, now)?;
    Ok(())
}
