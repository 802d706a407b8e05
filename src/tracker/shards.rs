use super::RegistryError;
use crate::schema::v1::{KeyRange, Placement, RangeEntry, Shard, ShardNameEntry};
use crate::schema::{NodeId, ShardId, table};
use crate::store::{Scan, Tx, delete, first, get, has, last, put, scan_keys};

pub(super) fn register(tx: &mut dyn Tx, shard: &Shard) -> Result<(), RegistryError> {
    if let Some(there) = get(tx, table::SHARDS, &shard.id)? {
        return Err(RegistryError::ShardExists {
            shard: shard.id,
            name: there.name,
        });
    }
    // A shard that is being moved for a caller who keeps the map would change hands unseen.
    free_of_migration(tx, shard.id, "its registration")?;
    write(tx, None, shard)
}

pub(super) fn update(tx: &mut dyn Tx, shard: &Shard) -> Result<(), RegistryError> {
    let before = load(tx, shard.id)?;
    if before.owner != shard.owner {
        return Err(RegistryError::OwnerFixed {
            shard: shard.id,
            owner: before.owner,
            given: shard.owner,
        });
    }
    let next = Shard {
        version: before.version,
        ..shard.clone()
    };
    if before == next {
        return Ok(());
    }
    if before.name != next.name || before.range != next.range || before.replicas != next.replicas {
        free_of_migration(tx, shard.id, "a change of its name, range or replicas")?;
    }
    if before.name != next.name {
        free_of_cleanups(tx, shard.id, "a change of its name")?;
    }
    write(tx, Some(&before), &next)
}

pub(super) fn remove(tx: &mut dyn Tx, id: ShardId) -> Result<(), RegistryError> {
    let before = load(tx, id)?;
    free_of_migration(tx, id, "its removal")?;
    free_of_cleanups(tx, id, "its removal")?;
    erase_indexes(tx, &before)?;
    delete(tx, table::SHARDS, &id)?;
    Ok(())
}

fn load(tx: &mut dyn Tx, shard: ShardId) -> Result<Shard, RegistryError> {
    get(tx, table::SHARDS, &shard)?.ok_or(RegistryError::UnknownShard { shard })
}

fn free_of_migration(
    tx: &mut dyn Tx,
    shard: ShardId,
    change: &'static str,
) -> Result<(), RegistryError> {
    match get(tx, table::ACTIVE_SHARDS, &shard)? {
        None => Ok(()),
        Some(active) => Err(RegistryError::ShardInMigration {
            shard,
            migration: active.migration,
            change,
        }),
    }
}

/// A copy that has to go is found by the name of its shard. Costs what is open.
fn free_of_cleanups(
    tx: &mut dyn Tx,
    shard: ShardId,
    change: &'static str,
) -> Result<(), RegistryError> {
    let open = scan_keys(tx, table::CLEANUPS, &Scan::all())?;
    match open.iter().find(|(_, of)| *of == shard) {
        None => Ok(()),
        Some((node, _)) => Err(RegistryError::ShardInCleanup {
            shard,
            node: *node,
            change,
        }),
    }
}

/// Writes the shard and its index rows, after checking what others claim.
fn write(tx: &mut dyn Tx, before: Option<&Shard>, shard: &Shard) -> Result<(), RegistryError> {
    for node in std::iter::once(&shard.owner).chain(&shard.replicas) {
        check_copy(tx, *node, shard.id)?;
    }
    if let Some(entry) = get(tx, table::SHARD_NAMES, &shard.name)?
        && entry.shard != shard.id
    {
        return Err(RegistryError::ShardNameTaken {
            shard: shard.id,
            name: shard.name.clone(),
            other: entry.shard,
        });
    }
    if let Some(before) = before {
        erase_indexes(tx, before)?;
    }
    if let Some(range) = &shard.range {
        check_overlap(tx, shard.id, range)?;
        let entry = RangeEntry { shard: shard.id };
        put(tx, table::SHARD_RANGES, &range.start, &entry)?;
    }
    put(tx, table::SHARDS, &shard.id, shard)?;
    let entry = ShardNameEntry { shard: shard.id };
    put(tx, table::SHARD_NAMES, &shard.name, &entry)?;
    let owner = &Placement::Owner;
    put(tx, table::PLACEMENTS, &(shard.owner, shard.id), owner)?;
    for replica in &shard.replicas {
        let replicates = &Placement::Replica;
        put(tx, table::PLACEMENTS, &(*replica, shard.id), replicates)?;
    }
    Ok(())
}

/// A copy that serves is on a registered node, and is not one that has to go.
fn check_copy(tx: &mut dyn Tx, node: NodeId, shard: ShardId) -> Result<(), RegistryError> {
    if !has(tx, table::NODES, &node)? {
        return Err(RegistryError::UnknownNode { node });
    }
    if has(tx, table::CLEANUPS, &(node, shard))? {
        return Err(RegistryError::CleanupOpen { node, shard });
    }
    Ok(())
}

fn erase_indexes(tx: &mut dyn Tx, shard: &Shard) -> Result<(), RegistryError> {
    delete(tx, table::SHARD_NAMES, &shard.name)?;
    if let Some(range) = &shard.range {
        delete(tx, table::SHARD_RANGES, &range.start)?;
    }
    for node in std::iter::once(&shard.owner).chain(&shard.replicas) {
        delete(tx, table::PLACEMENTS, &(*node, shard.id))?;
    }
    Ok(())
}

/// Registered ranges do not overlap, so the neighbours on both sides are the only ones that can.
fn check_overlap(tx: &mut dyn Tx, id: ShardId, range: &KeyRange) -> Result<(), RegistryError> {
    let below = last(tx, table::SHARD_RANGES, Scan::all().up_to(&range.start))?;
    let above = first(tx, table::SHARD_RANGES, Scan::all().from(&range.start))?;
    for (_, entry) in below.into_iter().chain(above) {
        let other = load(tx, entry.shard)?;
        if let Some(other_range) = other.range
            && other.id != id
            && other_range.overlaps(range)
        {
            return Err(RegistryError::RangesOverlap {
                shard: id,
                range: range.clone(),
                other: other.id,
                other_range,
            });
        }
    }
    Ok(())
}
