//! How it all stands, in a few numbers.

use std::collections::HashMap;

use super::MigrationTracker;
use crate::schema::key::RetentionKey;
use crate::schema::v1::{Migration, Pause, PauseScope, Status};
use crate::schema::{ShardId, TimestampMs, table};
use crate::store::{Snapshot, StoreError, get};

/// How all migrations stand, at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The instant.
    pub at_ms: TimestampMs,
    /// Migrations that nobody has started.
    pub pending: u64,
    /// Migrations that are being copied, or wait to go on.
    pub in_progress: u64,
    /// Migrations that are being compared.
    pub verifying: u64,
    /// Of those under way: held by an executor.
    pub held: u64,
    /// Of those under way: wait after a failed attempt.
    pub backing_off: u64,
    /// Of those under way: are to be cancelled.
    pub cancelling: u64,
    /// Of those under way: have not come further for too long.
    pub stalled: u64,
    /// Ended migrations that are kept.
    pub ended: u64,
    /// Ended migrations that retention has removed.
    pub pruned: u64,
    /// Copies that have to go.
    pub cleanups: u64,
    /// Shards that are set aside.
    pub quarantined: u64,
    /// What is paused.
    pub pauses: Vec<(PauseScope, Pause)>,
    /// Bytes that those under way have brought over.
    pub bytes_migrated: u64,
    /// Bytes that they are to bring over. `None`: of one of them nobody knows.
    pub bytes_total: Option<u64>,
    /// Bytes per second of those that an executor holds, together, as last measured; 0: unknown.
    pub bytes_per_second: u64,
    /// How long the rest takes at that rate. `None`: nobody can say.
    pub left_ms: Option<u64>,
}

impl MigrationTracker {
    /// How all migrations stand. Costs what is under way and registered, not what ever was.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn summary(&self) -> Result<Summary, StoreError> {
        let now = self.now();
        self.store.read(|rows| {
            let pruned = match get(rows, table::RETENTION, &RetentionKey::Pruned) {
                Err(error) if error.is_unreadable_row() => None,
                row => row?,
            };
            let ended = rows.len(table::FINISHED.id())?;
            let snapshot = Snapshot::read(rows, now)?;
            Ok(Summary {
                ended,
                pruned: pruned.unwrap_or_default().migrations,
                ..Summary::of(&snapshot)
            })
        })
    }
}

impl Summary {
    /// What `snapshot` shows: everything but what has ended.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let now = snapshot.taken_at_ms;
        let mut sum = Self {
            at_ms: now,
            cleanups: count(snapshot.cleanups.len()),
            quarantined: count(snapshot.quarantined.len()),
            pauses: snapshot.pauses.clone(),
            bytes_total: Some(0),
            ..Self::default()
        };
        let shards = snapshot.shards.iter();
        let sizes: HashMap<ShardId, u64> = shards.map(|shard| (shard.id, shard.bytes)).collect();
        for migration in &snapshot.active {
            sum.add(migration, sizes.get(&migration.shard).copied(), now);
        }
        let left = sum
            .bytes_total
            .map(|total| total.saturating_sub(sum.bytes_migrated));
        sum.left_ms = left.and_then(|left| time_for(left, sum.bytes_per_second));
        sum
    }

    fn add(&mut self, migration: &Migration, size: Option<u64>, now: TimestampMs) {
        match migration.status() {
            Status::Pending => self.pending += 1,
            Status::InProgress => self.in_progress += 1,
            Status::Verifying => self.verifying += 1,
            Status::Complete | Status::Failed | Status::Cancelled => return,
        }
        self.cancelling += u64::from(migration.cancel.is_some());
        self.backing_off +=
            u64::from(migration.failed_attempts > 0 && migration.not_before_ms > now);
        let progress = &migration.progress;
        // What an earlier attempt brought over is there, also before a new one reports.
        let saved = migration.checkpoint.as_ref();
        let there = saved.map_or(0, |saved| saved.bytes_migrated);
        let there = progress.bytes_migrated.max(there);
        self.bytes_migrated = self.bytes_migrated.saturating_add(there);
        let total = progress.bytes_total.or(size).map(|total| total.max(there));
        self.bytes_total = self
            .bytes_total
            .zip(total)
            .map(|(sum, total)| sum.saturating_add(total));
        if let Some(attempt) = &migration.attempt {
            self.held += 1;
            self.stalled += u64::from(attempt.stalled);
            if !attempt.stalled {
                let rate = progress.bytes_per_second;
                self.bytes_per_second = self.bytes_per_second.saturating_add(rate);
            }
        }
    }
}

/// How long the rest of a migration takes at the rate that was measured last, in milliseconds, until
/// it can be compared. `None`: nobody can say, as nobody works on it, it stalls, or its size or rate is
/// not known.
#[must_use]
pub fn left_ms(migration: &Migration) -> Option<u64> {
    migration
        .attempt
        .as_ref()
        .filter(|attempt| !attempt.stalled)?;
    let progress = &migration.progress;
    let left = progress
        .bytes_total?
        .saturating_sub(progress.bytes_migrated);
    time_for(left, progress.bytes_per_second)
}

fn time_for(bytes: u64, bytes_per_second: u64) -> Option<u64> {
    if bytes == 0 {
        return Some(0);
    }
    u128::from(bytes)
        .checked_mul(1_000)?
        .checked_div(bytes_per_second.into())
        .map(|ms| u64::try_from(ms).unwrap_or(u64::MAX))
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
