//! Rows that were there and cannot be read any more: damaged, set aside, or gone without what always
//! goes with them.

use std::collections::BTreeSet;

use super::Image;
use super::derived::{EventsOf, LostRow};
use crate::schema::key::{Key, RowKey};
use crate::schema::table::TableId;
use crate::schema::v1::{Event, EventKind};
use crate::schema::{EventSeq, MigrationId, NodeId, ShardId};

/// What is lost, of the tables that indexes follow from.
pub(super) struct Lost<'a> {
    /// Migrations without a record that can be read, with their events.
    pub(super) migrations: EventsOf<'a>,
    /// Nodes of which the log or a damaged row says that they are registered.
    pub(super) nodes: BTreeSet<NodeId>,
    /// Shards of which a damaged row, or both their name and their place, say so.
    pub(super) shards: BTreeSet<ShardId>,
}

impl<'a> Lost<'a> {
    pub(super) fn of(image: &'a Image) -> Self {
        Self {
            migrations: migrations(image),
            nodes: nodes(image),
            shards: shards(image),
        }
    }

    pub(super) fn migration(&self, image: &Image, id: MigrationId) -> Option<LostRow> {
        let lost = self.migrations.contains_key(&id);
        how(image, TableId::Migrations, &id, lost)
    }

    pub(super) fn node(&self, image: &Image, id: NodeId) -> Option<LostRow> {
        how(image, TableId::Nodes, &id, self.nodes.contains(&id))
    }

    pub(super) fn shard(&self, image: &Image, id: ShardId) -> Option<LostRow> {
        how(image, TableId::Shards, &id, self.shards.contains(&id))
    }

    /// The event `seq` was about the migration `id`, as far as anybody can tell: it cannot be read,
    /// or it is missing in a log that came at least as far.
    pub(super) fn event(&self, image: &Image, id: MigrationId, seq: EventSeq) -> Option<LostRow> {
        let newest = image.events.last_key_value().map(|(seq, _)| *seq);
        let known = image.migrations.contains_key(&id) || self.migrations.contains_key(&id);
        let missing = !image.events.contains_key(&seq) && seq <= newest.unwrap_or_default().next();
        let lost = image.is_lost(TableId::Events, &seq) || (known && missing);
        how(image, TableId::Events, &seq, lost)
    }
}

fn how(image: &Image, table: TableId, key: &impl Key, lost: bool) -> Option<LostRow> {
    let how = || match image.is_lost(table, key) {
        true => LostRow::Unreadable,
        false => LostRow::Missing,
    };
    lost.then(how)
}

/// Retention takes a migration and its last event together. So a migration of which events are
/// left is one that was lost, unless an operator gave it up.
fn migrations(image: &Image) -> EventsOf<'_> {
    let mut lost: EventsOf<'_> = image.events_by_migration();
    lost.retain(|id, events| {
        !image.migrations.contains_key(id) && !events.iter().any(gives_up_a_migration)
    });
    for id in unreadable(image, TableId::Migrations) {
        lost.entry(id).or_default();
    }
    lost
}

/// Whether an operator gave up the record of the migration that the event is about.
pub(super) fn gives_up_a_migration(event: &&Event) -> bool {
    let table = TableId::Migrations.tag();
    event.kind == EventKind::RowForgiven { table }
}

/// Nodes that should be there and are not.
fn nodes(image: &Image) -> BTreeSet<NodeId> {
    let mut lost = BTreeSet::from_iter(unreadable::<NodeId>(image, TableId::Nodes));
    let registered = registered_nodes(image).into_iter().flatten();
    lost.extend(registered.filter(|node| !image.nodes.contains_key(node)));
    lost
}

/// The nodes that are registered by the log, which keeps the events of nodes for ever. `None` when
/// events are lost, and it cannot say.
pub(super) fn registered_nodes(image: &Image) -> Option<BTreeSet<NodeId>> {
    let table = TableId::Events.tag();
    let given_up = EventKind::RowForgiven { table };
    let mut events = image.events.values();
    if image.has_lost(TableId::Events) || events.any(|event| event.kind == given_up) {
        return None;
    }
    let mut registered = BTreeSet::new();
    for event in image.events.values() {
        if let EventKind::NodeRegistered { node, .. } | EventKind::NodeUpdated { node, .. } =
            event.kind
        {
            registered.insert(node);
        } else if let EventKind::NodeRemoved { node } = event.kind {
            registered.remove(&node);
        }
    }
    Some(registered)
}

/// A registered shard has a name and an owner, so two indexes name it. A row that only one of them
/// has is a row too many; what both have and the table has not, the table lost.
fn shards(image: &Image) -> BTreeSet<ShardId> {
    let named: BTreeSet<_> = image
        .shard_names
        .values()
        .map(|entry| entry.shard)
        .collect();
    let placed: BTreeSet<_> = image.placements.keys().map(|(_, shard)| *shard).collect();
    let mut lost: BTreeSet<_> = named.intersection(&placed).copied().collect();
    lost.retain(|shard| !image.shards.contains_key(shard));
    lost.extend(unreadable::<ShardId>(image, TableId::Shards));
    lost
}

/// The keys of rows that cannot be read or were set aside, and in whose place nothing stands.
fn unreadable<K: Key>(image: &Image, table: TableId) -> Vec<K> {
    let first = RowKey::first(table, &[]);
    let set_aside = image.set_aside.range(first.clone()..first.part(1));
    let unreadable = image.unreadable.range((table, Vec::new())..);
    let unreadable = unreadable.take_while(|((of, _), _)| *of == table);
    let keys = set_aside
        .map(|(row, _)| row.key.as_slice())
        .chain(unreadable.map(|((_, key), _)| key.as_slice()));
    keys.filter_map(K::parse).collect()
}
