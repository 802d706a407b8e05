use crate::schema::key::RetentionKey;
use crate::schema::table;
use crate::schema::v1::{Migration, Settings};
use crate::schema::{MigrationId, TimestampMs};
use crate::store::{Scan, StoreError, Tx, delete, get, put, scan_keys};

/// Events that one transaction removes at most: with it the work of a transaction is bounded, also
/// where a migration has a long history. The rest goes with the next one.
const EVENTS_PER_TRANSACTION_MAX: usize = 24;

/// Migrations that one transaction removes at most. Two for each that ends: history shrinks to
/// its limit also when the limit was lowered.
const MIGRATIONS_PER_TRANSACTION_MAX: usize = 2;

/// Removes the oldest ended migrations that are beyond what the settings keep. Called when one
/// ends; never touches one that has not. A damaged row stops the pruning, not the operation: the
/// row stays where `check` names it.
pub(super) fn prune(
    tx: &mut dyn Tx,
    settings: &Settings,
    now: TimestampMs,
) -> Result<(), StoreError> {
    if let Err(error) = get(tx, table::RETENTION, &RetentionKey::Pruned) {
        if error.is_unreadable_row() {
            tracing::warn!(%error, "the pruning of history stops");
            return Ok(());
        }
        return Err(error);
    }
    let mut events_left = EVENTS_PER_TRANSACTION_MAX;
    for _ in 0..MIGRATIONS_PER_TRANSACTION_MAX {
        let Some((finished_at_ms, id)) = oldest(tx)? else {
            return Ok(());
        };
        let kept = tx.len(table::FINISHED.id())?;
        let too_many = settings.retention_count_max.is_some_and(|max| kept > max);
        let too_old = settings
            .retention_ms_max
            .is_some_and(|max| now.ms_since(finished_at_ms) > max);
        if !too_many && !too_old {
            return Ok(());
        }
        let migration = match get(tx, table::MIGRATIONS, &id) {
            Ok(migration) => migration,
            Err(error) if error.is_unreadable_row() => {
                tracing::warn!(%error, "the pruning of history stops");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let removed = remove_events(tx, id, events_left)?;
        events_left -= removed;
        if events_left == 0 {
            return Ok(());
        }
        remove_migration(tx, finished_at_ms, id, migration)?;
    }
    Ok(())
}

/// The migration that ended first. Only the key counts, and one that cannot be read is no one.
fn oldest(tx: &mut dyn Tx) -> Result<Option<(TimestampMs, MigrationId)>, StoreError> {
    match scan_keys(tx, table::FINISHED, &Scan::first(1)) {
        Ok(mut keys) => Ok(keys.pop()),
        Err(StoreError::Key { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes up to `limit` events of a migration, and remembers how far.
fn remove_events(tx: &mut dyn Tx, id: MigrationId, limit: usize) -> Result<usize, StoreError> {
    let events = scan_keys(tx, table::MIGRATION_EVENTS, &Scan::first(limit).under(&id))?;
    let Some((_, last)) = events.last().copied() else {
        return Ok(0);
    };
    for (id, seq) in &events {
        delete(tx, table::EVENTS, seq)?;
        delete(tx, table::MIGRATION_EVENTS, &(*id, *seq))?;
    }
    let mut pruned = get(tx, table::RETENTION, &RetentionKey::Pruned)?.unwrap_or_default();
    pruned.through = pruned.through.max(last);
    put(tx, table::RETENTION, &RetentionKey::Pruned, &pruned)?;
    Ok(events.len())
}

fn remove_migration(
    tx: &mut dyn Tx,
    finished_at_ms: TimestampMs,
    id: MigrationId,
    migration: Option<Migration>,
) -> Result<(), StoreError> {
    if let Some(key) = migration.and_then(|migration| migration.request) {
        delete(tx, table::REQUESTS, &key)?;
    }
    delete(tx, table::MIGRATIONS, &id)?;
    delete(tx, table::FINISHED, &(finished_at_ms, id))?;
    let mut pruned = get(tx, table::RETENTION, &RetentionKey::Pruned)?.unwrap_or_default();
    pruned.migrations = pruned.migrations.saturating_add(1);
    put(tx, table::RETENTION, &RetentionKey::Pruned, &pruned)
}
