//! Writes what the machine decided: record, indexes, event, ownership and cleanup, together.

use super::log::{About, append};
use super::retention::prune;
use crate::machine::{Flip, Transition};
use crate::schema::key::{Key as _, SettingsKey, SlotScope};
use crate::schema::table::{self, TableId};
use crate::schema::v1::{
    ActiveShard, Actor, Finished, InFlight, LastMove, Migration, PauseScope, Placement, Settings,
};
use crate::schema::{MigrationId, TimestampMs};
use crate::store::{ReadRows, StoreError, Tx, active, delete, get, put};

/// The settings in force. Every file has some: where they are lost, nobody knows what was demanded
/// (a verification, a limit), and nothing is decided until somebody says so again.
pub(super) fn settings(tx: &mut dyn Tx) -> Result<Settings, StoreError> {
    if let Some(settings) = tx.known().and_then(|known| known.settings.clone()) {
        return Ok(settings);
    }
    let key = SettingsKey::Current;
    let settings = get(tx, table::SETTINGS, &key)?.ok_or_else(|| {
        let rule = "the settings are missing; put some into force";
        StoreError::inconsistent(TableId::Settings, &key.to_bytes(), rule)
    })?;
    if let Some(known) = tx.known() {
        known.settings = Some(settings.clone());
    }
    Ok(settings)
}

/// Writes `transition` over `before` (`None`: the migration begins).
pub(super) fn apply(
    tx: &mut dyn Tx,
    before: Option<&Migration>,
    transition: &Transition,
    actor: Actor,
    settings: &Settings,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let next = &transition.next;
    // First, because a damaged count is counted again from the records as they are.
    count_slots(tx, before, next)?;
    put(tx, table::MIGRATIONS, &next.id, next)?;
    if before.is_none() {
        let entry = ActiveShard { migration: next.id };
        put(tx, table::ACTIVE_SHARDS, &next.shard, &entry)?;
    }
    if let Some(flip) = &transition.flip {
        change_owner(tx, flip, next.id, now)?;
    }
    if let Some(cleanup) = &transition.cleanup {
        put(tx, table::CLEANUPS, &(cleanup.node, cleanup.shard), cleanup)?;
    }
    if let Some(quarantine) = &transition.quarantine {
        put(tx, table::QUARANTINE, &next.shard, quarantine)?;
    }
    for kind in &transition.events {
        let about = About::migration(next);
        let (kind, actor) = (kind.clone(), actor.clone());
        append(tx, about, kind, actor, &transition.cause, now)?;
    }
    if let Some(finished_at_ms) = next.state.finished_at_ms() {
        delete(tx, table::ACTIVE_SHARDS, &next.shard)?;
        if tx.len(table::PAUSES.id())? > 0 {
            delete(tx, table::PAUSES, &PauseScope::Migration(next.id))?;
        }
        put(tx, table::FINISHED, &(finished_at_ms, next.id), &Finished)?;
        prune(tx, settings, now)?;
    }
    Ok(())
}

/// Keeps the counts of what executors drive.
fn count_slots(
    tx: &mut dyn Tx,
    before: Option<&Migration>,
    next: &Migration,
) -> Result<(), StoreError> {
    let held = before.is_some_and(Migration::holds_slot);
    if held == next.holds_slot() {
        return Ok(());
    }
    for scope in slots_of(next) {
        let count = in_flight(tx, scope)?;
        let count = if held {
            count.saturating_sub(1)
        } else {
            count.saturating_add(1)
        };
        if count == 0 {
            delete(tx, table::IN_FLIGHT, &scope)?;
        } else {
            put(tx, table::IN_FLIGHT, &scope, &InFlight { count })?;
        }
    }
    Ok(())
}

/// The scopes that a migration counts in.
pub(super) fn slots_of(migration: &Migration) -> [SlotScope; 4] {
    [
        SlotScope::Total,
        SlotScope::Source(migration.from),
        SlotScope::Destination(migration.to),
        SlotScope::Pair(migration.from, migration.to),
    ]
}

/// How many migrations executors drive in `scope`. A damaged count stops nobody: it follows from
/// the migrations under way, and is counted again.
pub(super) fn in_flight(
    rows: &mut (impl ReadRows + ?Sized),
    scope: SlotScope,
) -> Result<u64, StoreError> {
    match get(rows, table::IN_FLIGHT, &scope) {
        Ok(row) => Ok(row.map_or(0, |row| row.count)),
        Err(StoreError::Row { .. }) => {
            let under_way = active(rows, &mut Vec::new())?;
            let held = under_way
                .iter()
                .filter(|migration| migration.holds_slot() && slots_of(migration).contains(&scope));
            Ok(u64::try_from(held.count()).unwrap_or(u64::MAX))
        }
        Err(error) => Err(error),
    }
}

/// The cutover of a shard: its owner, if it is registered, and its last move.
fn change_owner(
    tx: &mut dyn Tx,
    flip: &Flip,
    migration: MigrationId,
    now: TimestampMs,
) -> Result<(), StoreError> {
    if let Some(mut shard) = get(tx, table::SHARDS, &flip.shard)? {
        shard.owner = flip.to;
        shard.version = shard.version.saturating_add(1);
        put(tx, table::SHARDS, &shard.id, &shard)?;
        delete(tx, table::PLACEMENTS, &(flip.from, flip.shard))?;
        put(
            tx,
            table::PLACEMENTS,
            &(flip.to, flip.shard),
            &Placement::Owner,
        )?;
    }
    let last = LastMove {
        from: flip.from,
        to: flip.to,
        at_ms: now,
        migration,
    };
    put(tx, table::LAST_MOVES, &flip.shard, &last)
}
