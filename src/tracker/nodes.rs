use super::RegistryError;
use super::log::{About, append};
use crate::schema::table::TableId;
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, Cleanup, EventKind, Migration, Node, NodeNameEntry};
use crate::schema::{NodeId, TimestampMs, table};
use crate::store::{Scan, StoreError, Tx, active, delete, get, put, scan, scan_keys};

pub(super) fn register(
    tx: &mut dyn Tx,
    node: &Node,
    now: TimestampMs,
) -> Result<(), RegistryError> {
    if let Some(there) = get(tx, table::NODES, &node.id)? {
        return Err(RegistryError::NodeExists {
            node: node.id,
            name: there.name,
        });
    }
    write(tx, node)?;
    let kind = EventKind::NodeRegistered {
        node: node.id,
        state: node.state,
    };
    log(tx, kind, now)
}

pub(super) fn update(tx: &mut dyn Tx, node: &Node, now: TimestampMs) -> Result<(), RegistryError> {
    let before = load(tx, node.id)?;
    if before == *node {
        return Ok(());
    }
    if before.address != node.address || before.name != node.name {
        free_of_migrations(tx, node.id, "a change of its name or address")?;
        free_of_cleanups(tx, node.id, "a change of its name or address")?;
    }
    if before.name != node.name {
        delete(tx, table::NODE_NAMES, &before.name)?;
    }
    write(tx, node)?;
    let kind = EventKind::NodeUpdated {
        node: node.id,
        state: node.state,
    };
    log(tx, kind, now)
}

pub(super) fn remove(tx: &mut dyn Tx, id: NodeId, now: TimestampMs) -> Result<(), RegistryError> {
    let before = load(tx, id)?;
    let one = Scan::first(1).under(&id);
    if let Some((node, shard)) = scan_keys(tx, table::PLACEMENTS, &one)?.pop() {
        return Err(RegistryError::NodeHasShards { node, shard });
    }
    free_of_migrations(tx, id, "its removal")?;
    free_of_cleanups(tx, id, "its removal")?;
    delete(tx, table::NODES, &id)?;
    delete(tx, table::NODE_NAMES, &before.name)?;
    log(tx, EventKind::NodeRemoved { node: id }, now)
}

fn load(tx: &mut dyn Tx, node: NodeId) -> Result<Node, RegistryError> {
    get(tx, table::NODES, &node)?.ok_or(RegistryError::UnknownNode { node })
}

fn write(tx: &mut dyn Tx, node: &Node) -> Result<(), RegistryError> {
    if let Some(entry) = get(tx, table::NODE_NAMES, &node.name)?
        && entry.node != node.id
    {
        return Err(RegistryError::NodeNameTaken {
            node: node.id,
            name: node.name.clone(),
            other: entry.node,
        });
    }
    put(tx, table::NODES, &node.id, node)?;
    let entry = NodeNameEntry { node: node.id };
    put(tx, table::NODE_NAMES, &node.name, &entry)?;
    Ok(())
}

/// Refuses what a migration from or to the node relies on. Costs what is active.
fn free_of_migrations(
    tx: &mut dyn Tx,
    node: NodeId,
    change: &'static str,
) -> Result<(), RegistryError> {
    let takes_part = |migration: &&Migration| migration.from == node || migration.to == node;
    let mut bad = Vec::new();
    let active = active(tx, &mut bad)?;
    if !bad.is_empty() {
        let rule = "a damaged row may be that of a migration from or to the node";
        return Err(StoreError::inconsistent(TableId::ActiveShards, &[], rule).into());
    }
    match active.iter().find(takes_part) {
        None => Ok(()),
        Some(migration) => Err(RegistryError::NodeInMigration {
            node,
            migration: migration.id,
            change,
        }),
    }
}

/// Refuses what settling a cleanup relies on. Costs what is open.
fn free_of_cleanups(
    tx: &mut dyn Tx,
    node: NodeId,
    change: &'static str,
) -> Result<(), RegistryError> {
    let open = scan(tx, table::CLEANUPS, &Scan::all())?;
    let needs_it = |(_, cleanup): &&(_, Cleanup)| cleanup.from == node || cleanup.to == node;
    match open.iter().find(needs_it) {
        None => Ok(()),
        Some((_, cleanup)) => Err(RegistryError::NodeInCleanup {
            node,
            shard: cleanup.shard,
            migration: cleanup.migration,
            change,
        }),
    }
}

fn log(tx: &mut dyn Tx, kind: EventKind, now: TimestampMs) -> Result<(), RegistryError> {
    let about = About::the_cluster();
    let appended: Result<(), StoreError> =
        append(tx, about, kind, Actor::Caller, &Reason::default(), now);
    Ok(appended?)
}
