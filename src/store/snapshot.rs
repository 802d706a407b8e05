use super::rows::{get, records_lenient, scan_lenient};
use super::{BadRow, ReadRows, Scan, StoreError};
use crate::schema::codec::Record;
use crate::schema::table::{self, Table};
use crate::schema::v1::{
    Cleanup, LastMove, Migration, Node, Pause, PauseScope, Quarantined, Settings, Shard,
};
use crate::schema::{ShardId, TimestampMs};

/// What a planner needs, of one instant. Copied: the file is no longer being read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When it was taken.
    pub taken_at_ms: TimestampMs,
    /// The settings in force. Where they cannot be read, those of a new file; then every shard that
    /// ever moved counts as cooling down, and nothing begins.
    pub settings: Settings,
    /// Every registered node, by id.
    pub nodes: Vec<Node>,
    /// Every registered shard, by id.
    pub shards: Vec<Shard>,
    /// Every migration under way, by shard.
    pub active: Vec<Migration>,
    /// Every copy that has to go.
    pub cleanups: Vec<Cleanup>,
    /// The last move of each shard that is still cooling down.
    pub last_moves: Vec<(ShardId, LastMove)>,
    /// What is paused.
    pub pauses: Vec<(PauseScope, Pause)>,
    /// Shards that are set aside.
    pub quarantined: Vec<(ShardId, Quarantined)>,
    /// Rows that could not be read or were set aside; their shards do not appear above.
    pub bad_rows: Vec<BadRow>,
}

impl Snapshot {
    /// Copies the state that `rows` shows.
    pub(crate) fn read(
        rows: &mut (impl ReadRows + ?Sized),
        now: TimestampMs,
    ) -> Result<Self, StoreError> {
        let mut bad_rows = Vec::new();
        let settings = every(rows, table::SETTINGS, &mut bad_rows)?.pop();
        let mut last_moves = every(rows, table::LAST_MOVES, &mut bad_rows)?;
        if let Some((_, settings)) = &settings {
            last_moves.retain(|(_, last)| now.ms_since(last.at_ms) < settings.cooldown_ms);
        }
        Ok(Self {
            taken_at_ms: now,
            nodes: records(rows, table::NODES, &mut bad_rows)?,
            shards: records(rows, table::SHARDS, &mut bad_rows)?,
            active: active(rows, &mut bad_rows)?,
            cleanups: records(rows, table::CLEANUPS, &mut bad_rows)?,
            pauses: every(rows, table::PAUSES, &mut bad_rows)?,
            quarantined: every(rows, table::QUARANTINE, &mut bad_rows)?,
            last_moves,
            settings: settings.map(|(_, row)| row).unwrap_or_default(),
            bad_rows,
        })
    }
}

/// Every migration under way, by shard: costs what is active, not what ever was.
pub(crate) fn active(
    rows: &mut (impl ReadRows + ?Sized),
    bad: &mut Vec<BadRow>,
) -> Result<Vec<Migration>, StoreError> {
    let mut found = Vec::new();
    for (shard, entry) in every(rows, table::ACTIVE_SHARDS, bad)? {
        match get(rows, table::MIGRATIONS, &entry.migration) {
            Ok(Some(migration)) => found.push(migration),
            Ok(None) => bad.push(BadRow {
                table: table::ACTIVE_SHARDS.id().name(),
                key: shard.to_string(),
                reason: format!("there is no migration {}", entry.migration),
            }),
            Err(error) => {
                use crate::schema::key::Key as _;
                let key = entry.migration.to_bytes();
                bad.push(
                    error
                        .as_bad_row(table::MIGRATIONS.id(), &key)
                        .ok_or(error)?,
                );
            }
        }
    }
    Ok(found)
}

fn every<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    bad: &mut Vec<BadRow>,
) -> Result<Vec<(R::Key, R)>, StoreError> {
    scan_lenient(rows, table, &Scan::all(), bad)
}

fn records<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    bad: &mut Vec<BadRow>,
) -> Result<Vec<R>, StoreError> {
    records_lenient(rows, table, &Scan::all(), bad)
}
