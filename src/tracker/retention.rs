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
/// ends; never touches one that has not.
pub(super) fn prune(
    tx: &mut dyn Tx,
    settings: &Settings,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let mut events_left = EVENTS_PER_TRANSACTION_MAX;
    for _ in 0..MIGRATIONS_PER_TRANSACTION_MAX {
        let Some((finished_at_ms, id, migration)) = oldest(tx)? else {
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
        let removed = remove_events(tx, id, events_left)?;
        events_left -= removed;
        if events_left == 0 {
            return Ok(());
        }
        remove_migration(tx, finished_at_ms, &migration)?;
    }
    Ok(())
}

/// The migration that ended first. A damaged row stops the pruning, not what ends now: `check`
/// names it.
fn oldest(tx: &mut dyn Tx) -> Result<Option<(TimestampMs, MigrationId, Migration)>, StoreError> {
    let first = scan_keys(tx, table::FINISHED, &Scan::first(1)).map(|mut keys| keys.pop());
    let (finished_at_ms, id) = match first {
        Ok(Some(key)) => key,
        Ok(None) => return Ok(None),
        Err(error) => return damaged(error),
    };
    match get(tx, table::MIGRATIONS, &id) {
        Ok(migration) => Ok(migration.map(|migration| (finished_at_ms, id, migration))),
        Err(error) => damaged(error),
    }
}

fn damaged<T>(error: StoreError) -> Result<Option<T>, StoreError> {
    if let StoreError::Row { .. } | StoreError::Key { .. } = error {
        tracing::warn!(%error, "history is not pruned");
        return Ok(None);
    }
    Err(error)
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
    migration: &Migration,
) -> Result<(), StoreError> {
    if let Some(key) = &migration.request {
        delete(tx, table::REQUESTS, key)?;
    }
    delete(tx, table::MIGRATIONS, &migration.id)?;
    delete(tx, table::FINISHED, &(finished_at_ms, migration.id))?;
    let mut pruned = get(tx, table::RETENTION, &RetentionKey::Pruned)?.unwrap_or_default();
    pruned.migrations = pruned.migrations.saturating_add(1);
    put(tx, table::RETENTION, &RetentionKey::Pruned, &pruned)
}
