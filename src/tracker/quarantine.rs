//! Shards that failed too often, set aside until somebody has looked.

use super::MigrationTracker;
use super::log::{About, append};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, EventKind, Quarantined};
use crate::schema::{ShardId, TimestampMs, table};
use crate::store::{Procedure, Scan, StoreError, Tx, delete, get, scan};

/// Why a shard stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// It is not in quarantine.
    #[error("shard {shard} is not in quarantine")]
    NotQuarantined {
        /// The shard.
        shard: ShardId,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// The shards that are set aside, each with the failures that led to it, oldest first. A shard
    /// gets there when the last of the attempts that the settings allow has failed in a way in which
    /// trying again may help. From then on nothing begins with it, and a planner leaves it where it is.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn quarantined(&self) -> Result<Vec<(ShardId, Quarantined)>, StoreError> {
        self.store
            .read(|rows| scan(rows, table::QUARANTINE, &Scan::all()))
    }

    /// Lets a shard out of quarantine: it can move again. [`Self::retry_migration`] does that and
    /// begins the same move anew.
    ///
    /// # Errors
    /// [`QuarantineError`]; nothing changed.
    pub fn release_quarantine(
        &self,
        shard: ShardId,
        reason: impl Into<Reason>,
    ) -> Result<(), QuarantineError> {
        self.write(ReleaseQuarantine {
            shard,
            reason: reason.into(),
            now: self.now(),
        })
    }
}

pub(super) struct ReleaseQuarantine {
    pub(super) shard: ShardId,
    pub(super) reason: Reason,
    pub(super) now: TimestampMs,
}

impl Procedure for ReleaseQuarantine {
    type Output = ();
    type Error = QuarantineError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), QuarantineError> {
        let shard = self.shard;
        let entry =
            get(tx, table::QUARANTINE, &shard)?.ok_or(QuarantineError::NotQuarantined { shard })?;
        Ok(release(tx, shard, &entry, &self.reason, self.now)?)
    }
}

/// Takes `entry` out, and says so.
pub(super) fn release(
    tx: &mut dyn Tx,
    shard: ShardId,
    entry: &Quarantined,
    reason: &Reason,
    now: TimestampMs,
) -> Result<(), StoreError> {
    delete(tx, table::QUARANTINE, &shard)?;
    let about = About::kept(tx, entry.migration, shard)?;
    let kind = EventKind::QuarantineReleased;
    append(tx, about, kind, Actor::Caller, reason, now)
}
