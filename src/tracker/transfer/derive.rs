//! The rows of indexes, from the facts behind them.

use std::collections::BTreeMap;

use super::Fact;
use crate::schema::NodeId;
use crate::schema::codec::Record;
use crate::schema::key::{Key as _, RowKey, SlotScope};
use crate::schema::table::{self, Table, TableId};
use crate::schema::v1::{
    ActiveShard, Event, Finished, InFlight, Migration, MigrationEvent, Node, NodeNameEntry,
    Placement, RangeEntry, Request, Shard, ShardNameEntry,
};
use crate::store::{StoreError, Tx, has, put};
use crate::tracker::apply::slots_of;

/// Why the rows of an index were not written.
pub(super) enum DeriveError {
    /// Another fact has the row already: a name, a range, a request key, an active shard.
    Taken { index: TableId, key: Vec<u8> },
    /// Rows of indexes may name a row that was set aside.
    SetAside { table: TableId, key: Vec<u8> },
    /// The file could not be written.
    Store(StoreError),
}

impl From<StoreError> for DeriveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is known only when every fact is there: a row for each node, at most.
#[derive(Default)]
pub(super) struct Slots(BTreeMap<SlotScope, u64>);

impl Slots {
    /// Writes how many migrations executors drive.
    pub(super) fn put(self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let mut counts = self.0.into_iter();
        counts.try_for_each(|(scope, count)| put(tx, table::IN_FLIGHT, &scope, &InFlight { count }))
    }
}

/// Writes the rows of indexes that follow from `fact`.
pub(super) fn put_indexes(
    tx: &mut dyn Tx,
    fact: &Fact,
    slots: &mut Slots,
) -> Result<(), DeriveError> {
    match fact {
        Fact::Node(id, node) => put_node(tx, *id, node),
        Fact::Shard(_, shard) => put_shard(tx, shard),
        Fact::Migration(_, migration) => put_migration(tx, migration, slots),
        Fact::Event(_, event) => put_event(tx, event),
        Fact::Meta(..)
        | Fact::Settings(..)
        | Fact::Pruned(..)
        | Fact::Cleanup(..)
        | Fact::LastMove(..)
        | Fact::Pause(..)
        | Fact::Quarantined(..) => Ok(()),
        Fact::SetAside(row, _) => match named_by_indexes(row) {
            Some(table) => Err(DeriveError::SetAside {
                table,
                key: row.key.clone(),
            }),
            None => Ok(()),
        },
    }
}

/// The table of a row that was set aside, where rows of indexes may name it. They are the last that
/// is known of it, keep blocked what it is about, and follow from no fact.
pub(super) fn named_by_indexes(row: &RowKey) -> Option<TableId> {
    let table = TableId::from_tag(row.table)?;
    let key = row.key.as_slice();
    let named = match table {
        TableId::Nodes => table::NODES.key(key).is_ok(),
        TableId::Shards => table::SHARDS.key(key).is_ok(),
        TableId::Migrations => table::MIGRATIONS.key(key).is_ok(),
        TableId::Events => table::EVENTS.key(key).is_ok(),
        TableId::Meta
        | TableId::Settings
        | TableId::NodeNames
        | TableId::ShardNames
        | TableId::ShardRanges
        | TableId::Placements
        | TableId::ActiveShards
        | TableId::MigrationEvents
        | TableId::Finished
        | TableId::Retention
        | TableId::Cleanups
        | TableId::LastMoves
        | TableId::Requests
        | TableId::InFlight
        | TableId::Pauses
        | TableId::Quarantine
        | TableId::SetAside => false,
    };
    named.then_some(table)
}

fn put_node(tx: &mut dyn Tx, id: NodeId, node: &Node) -> Result<(), DeriveError> {
    put_new(
        tx,
        table::NODE_NAMES,
        &node.name,
        &NodeNameEntry { node: id },
    )
}

fn put_shard(tx: &mut dyn Tx, shard: &Shard) -> Result<(), DeriveError> {
    let id = shard.id;
    let name = ShardNameEntry { shard: id };
    put_new(tx, table::SHARD_NAMES, &shard.name, &name)?;
    if let Some(range) = &shard.range {
        let entry = RangeEntry { shard: id };
        put_new(tx, table::SHARD_RANGES, &range.start, &entry)?;
    }
    let owner = (shard.owner, id);
    put_new(tx, table::PLACEMENTS, &owner, &Placement::Owner)?;
    for replica in &shard.replicas {
        put_new(tx, table::PLACEMENTS, &(*replica, id), &Placement::Replica)?;
    }
    Ok(())
}

fn put_migration(
    tx: &mut dyn Tx,
    migration: &Migration,
    slots: &mut Slots,
) -> Result<(), DeriveError> {
    let id = migration.id;
    match migration.state.finished_at_ms() {
        Some(at) => put_new(tx, table::FINISHED, &(at, id), &Finished)?,
        None => {
            let entry = ActiveShard { migration: id };
            put_new(tx, table::ACTIVE_SHARDS, &migration.shard, &entry)?;
        }
    }
    if let Some(request) = &migration.request {
        let row = Request {
            migration: id,
            shard: migration.shard,
            from: migration.from,
            to: migration.to,
        };
        put_new(tx, table::REQUESTS, request, &row)?;
    }
    if migration.holds_slot() {
        for scope in slots_of(migration) {
            let count = slots.0.entry(scope).or_default();
            *count = count.saturating_add(1);
        }
    }
    Ok(())
}

fn put_event(tx: &mut dyn Tx, event: &Event) -> Result<(), DeriveError> {
    match event.migration {
        Some(id) => put_new(
            tx,
            table::MIGRATION_EVENTS,
            &(id, event.seq),
            &MigrationEvent,
        ),
        None => Ok(()),
    }
}

fn put_new<R: Record>(
    tx: &mut dyn Tx,
    table: Table<R>,
    key: &R::Key,
    row: &R,
) -> Result<(), DeriveError> {
    if has(tx, table, key)? {
        return Err(DeriveError::Taken {
            index: table.id(),
            key: key.to_bytes(),
        });
    }
    Ok(put(tx, table, key, row)?)
}
