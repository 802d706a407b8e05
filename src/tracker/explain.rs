//! Why a migration or a shard stands where it stands.

use super::MigrationTracker;
use super::obstacle::{ClaimError, obstacles};
use crate::machine::Turn;
use crate::schema::key::SettingsKey;
use crate::schema::v1::{Cleanup, LastMove, Migration, Quarantined, Settings, Shard};
use crate::schema::{MigrationId, ShardId, TimestampMs, table};
use crate::store::{ReadRows, Scan, StoreError, active, get, scan, scan_keys};

/// Why a migration stands where it stands, at one instant.
#[derive(Debug)]
pub struct Explanation {
    /// The instant.
    pub at_ms: TimestampMs,
    /// The migration.
    pub migration: Migration,
    /// Since when it stands so: the time of its newest event.
    pub since_ms: TimestampMs,
    /// What keeps it from being claimed: each of these has to go. [`ClaimError::Refused`] with
    /// `Held` says who is at work on it, with `Ended` that it is over. Empty: it is its turn, or soon.
    pub obstacles: Vec<ClaimError>,
    /// How many others are before it, whether something keeps them or not.
    pub ahead: usize,
    /// The copy that it left and that has to go.
    pub cleanup: Option<Cleanup>,
    /// Its shard is set aside.
    pub quarantine: Option<Quarantined>,
}

/// What is known of a shard, at one instant.
#[derive(Debug)]
pub struct ShardExplanation {
    /// The shard.
    pub id: ShardId,
    /// As it is registered.
    pub shard: Option<Shard>,
    /// Its migration under way.
    pub migration: Option<Explanation>,
    /// Its last cutover.
    pub last_move: Option<LastMove>,
    /// Its copies that have to go: nothing begins onto or from one.
    pub cleanups: Vec<Cleanup>,
    /// Why it is set aside.
    pub quarantine: Option<Quarantined>,
}

impl MigrationTracker {
    /// Why a migration waits, fails or goes on. `None`: there is no such migration.
    ///
    /// ```
    /// use shardferry::tracker::ClaimError;
    /// use shardferry::schema::text::ExecutorName;
    /// use shardferry::{MigrationTracker, NodeId, Settings, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// tracker.set_settings(&Settings { in_flight_max: Some(1), ..Settings::default() })?;
    /// let first = tracker.begin_migration(ShardId(1), NodeId(1), NodeId(2))?;
    /// let second = tracker.begin_migration(ShardId(2), NodeId(1), NodeId(2))?;
    /// tracker.claim(first, &ExecutorName::new("worker")?)?;
    ///
    /// let why = tracker.explain(second)?.unwrap();
    /// assert_eq!(why.ahead, 1);
    /// assert!(matches!(why.obstacles[..], [ClaimError::Limit { in_flight: 1, limit: 1, .. }]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn explain(&self, id: MigrationId) -> Result<Option<Explanation>, StoreError> {
        let now = self.now();
        self.store.read(|rows| self.explained(rows, id, now))
    }

    /// Why a shard is where it is, and does not move. Also of one that is not registered.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn explain_shard(&self, id: ShardId) -> Result<ShardExplanation, StoreError> {
        let now = self.now();
        self.store.read(|rows| {
            let migration = match get(rows, table::ACTIVE_SHARDS, &id)? {
                Some(entry) => self.explained(rows, entry.migration, now)?,
                None => None,
            };
            Ok(ShardExplanation {
                id,
                shard: get(rows, table::SHARDS, &id)?,
                migration,
                last_move: get(rows, table::LAST_MOVES, &id)?,
                cleanups: cleanups_of(rows, id)?,
                quarantine: get(rows, table::QUARANTINE, &id)?,
            })
        })
    }

    fn explained(
        &self,
        rows: &mut dyn ReadRows,
        id: MigrationId,
        now: TimestampMs,
    ) -> Result<Option<Explanation>, StoreError> {
        let Some(migration) = get(rows, table::MIGRATIONS, &id)? else {
            return Ok(None);
        };
        let settings: Settings =
            get(rows, table::SETTINGS, &SettingsKey::Current)?.unwrap_or_default();
        let newest = Scan::last(1).under(&id);
        let newest = match scan_keys(rows, table::MIGRATION_EVENTS, &newest)?.pop() {
            Some((_, seq)) => get(rows, table::EVENTS, &seq)?,
            None => None,
        };
        let mut cleanups = cleanups_of(rows, migration.shard)?;
        cleanups.retain(|copy| copy.migration == id);
        Ok(Some(Explanation {
            at_ms: now,
            since_ms: newest.map_or(migration.created_at_ms, |event| event.at_ms),
            obstacles: obstacles(rows, &migration, &settings, (self.session, now)),
            ahead: ahead(rows, &migration, &settings)?,
            cleanup: cleanups.pop(),
            quarantine: get(rows, table::QUARANTINE, &migration.shard)?
                .filter(|entry| entry.migration == id),
            migration,
        }))
    }
}

/// How many are before `migration`, if it is under way.
fn ahead(
    rows: &mut dyn ReadRows,
    migration: &Migration,
    settings: &Settings,
) -> Result<usize, StoreError> {
    if migration.status().is_terminal() {
        return Ok(0);
    }
    let turn = Turn::of(migration, settings);
    let under_way = active(rows, &mut Vec::new())?;
    let turns = under_way.iter().map(|other| Turn::of(other, settings));
    Ok(turns.filter(|other| *other < turn).count())
}

/// The copies of a shard that have to go. Costs what has to go in all.
fn cleanups_of(rows: &mut dyn ReadRows, shard: ShardId) -> Result<Vec<Cleanup>, StoreError> {
    let open = scan(rows, table::CLEANUPS, &Scan::all())?;
    let copies = open.into_iter().map(|(_, copy)| copy);
    Ok(copies.filter(|copy| copy.shard == shard).collect())
}
