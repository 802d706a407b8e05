//! What every index should hold, from the tables that it follows from.
//!
//! Where two rows of a table claim the same row of an index, either is right: which of them is
//! wrong is for an operator to say. A row of an index that names a row that cannot be read, was set
//! aside, or is lost, is the last that is known of it, and is left alone.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::Image;
use super::lost::Lost;
use super::violation::ShownKey;
use crate::machine;
use crate::schema::codec::Record;
use crate::schema::key::SlotScope;
use crate::schema::table::{self, Table, TableId};
use crate::schema::v1::{
    ActiveShard, Event, Finished, InFlight, Migration, MigrationEvent, NodeNameEntry, Placement,
    RangeEntry, Request, ShardNameEntry,
};
use crate::schema::{MigrationId, ShardId};

/// What the rows of an index may be: more than one where two rows claim the same place.
pub(in crate::tracker) type Claims<R> = BTreeMap<<R as Record>::Key, Vec<R>>;

/// An index as it should be and as it is.
pub(in crate::tracker) struct Index<'a, R: Record> {
    pub(in crate::tracker) table: Table<R>,
    /// The table that it follows from.
    pub(in crate::tracker) primary: TableId,
    pub(in crate::tracker) expected: Claims<R>,
    pub(in crate::tracker) found: &'a BTreeMap<R::Key, R>,
    /// Whether a row names a row that is lost, and how.
    pub(in crate::tracker) names_lost: &'a dyn Fn(&R::Key, &R) -> Option<LostRow>,
}

/// How a row was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tracker) enum LostRow {
    /// It stands there and cannot be read, or it was set aside.
    Unreadable,
    /// It is gone, and others still speak of it.
    Missing,
}

/// What is done with each index.
pub(in crate::tracker) trait EachIndex {
    /// What may go wrong.
    type Error;

    fn index<R>(&mut self, index: Index<'_, R>) -> Result<(), Self::Error>
    where
        R: Record<Key: ShownKey + Ord + Clone> + PartialEq + Debug + Clone;
}

/// Shows every index of `image` to `visit`.
pub(in crate::tracker) fn each_index<V: EachIndex>(
    image: &Image,
    visit: &mut V,
) -> Result<(), V::Error> {
    let lost = Lost::of(image);
    of_migrations(image, &lost, visit)?;
    of_the_registry(image, &lost, visit)
}

fn of_migrations<V: EachIndex>(image: &Image, lost: &Lost, visit: &mut V) -> Result<(), V::Error> {
    visit.index(Index {
        table: table::ACTIVE_SHARDS,
        primary: TableId::Migrations,
        expected: active_shards(image, lost),
        found: &image.active_shards,
        names_lost: &|_, row| lost.migration(image, row.migration),
    })?;
    visit.index(Index {
        table: table::FINISHED,
        primary: TableId::Migrations,
        expected: finished(image),
        found: &image.finished,
        names_lost: &|(_, id), _| lost.migration(image, *id),
    })?;
    visit.index(Index {
        table: table::REQUESTS,
        primary: TableId::Migrations,
        expected: requests(image),
        found: &image.requests,
        names_lost: &|_, row| lost.migration(image, row.migration),
    })?;
    visit.index(Index {
        table: table::IN_FLIGHT,
        primary: TableId::Migrations,
        expected: one_each(slots_held(image)),
        found: &image.in_flight,
        names_lost: &|_, _| None,
    })?;
    visit.index(Index {
        table: table::MIGRATION_EVENTS,
        primary: TableId::Events,
        expected: migration_events(image),
        found: &image.migration_events,
        names_lost: &|(id, seq), _| lost.event(image, *id, *seq),
    })
}

fn of_the_registry<V: EachIndex>(
    image: &Image,
    lost: &Lost,
    visit: &mut V,
) -> Result<(), V::Error> {
    let mut node_names = Claims::<NodeNameEntry>::new();
    for node in image.nodes.values() {
        claim(
            &mut node_names,
            node.name.clone(),
            NodeNameEntry { node: node.id },
        );
    }
    let mut shard_names = Claims::<ShardNameEntry>::new();
    let mut shard_ranges = Claims::<RangeEntry>::new();
    let mut placements = Claims::<Placement>::new();
    for shard in image.shards.values() {
        let id = shard.id;
        claim(
            &mut shard_names,
            shard.name.clone(),
            ShardNameEntry { shard: id },
        );
        if let Some(range) = &shard.range {
            claim(
                &mut shard_ranges,
                range.start.clone(),
                RangeEntry { shard: id },
            );
        }
        for replica in &shard.replicas {
            claim(&mut placements, (*replica, id), Placement::Replica);
        }
        claim(&mut placements, (shard.owner, id), Placement::Owner);
    }
    visit.index(Index {
        table: table::NODE_NAMES,
        primary: TableId::Nodes,
        expected: node_names,
        found: &image.node_names,
        names_lost: &|_, row| lost.node(image, row.node),
    })?;
    visit.index(Index {
        table: table::SHARD_NAMES,
        primary: TableId::Shards,
        expected: shard_names,
        found: &image.shard_names,
        names_lost: &|_, row| lost.shard(image, row.shard),
    })?;
    visit.index(Index {
        table: table::SHARD_RANGES,
        primary: TableId::Shards,
        expected: shard_ranges,
        found: &image.shard_ranges,
        names_lost: &|_, row| lost.shard(image, row.shard),
    })?;
    visit.index(Index {
        table: table::PLACEMENTS,
        primary: TableId::Shards,
        expected: placements,
        found: &image.placements,
        names_lost: &|(_, id), _| lost.shard(image, *id),
    })
}

/// The migrations under way; and those that cannot be read, whose events say that they are.
fn active_shards(image: &Image, lost: &Lost) -> Claims<ActiveShard> {
    let mut claims = Claims::<ActiveShard>::new();
    for migration in image.under_way() {
        let entry = ActiveShard {
            migration: migration.id,
        };
        claim(&mut claims, migration.shard, entry);
    }
    for (id, events) in &lost.migrations {
        if let Some(shard) = under_way_by_its_events(events) {
            claim(&mut claims, shard, ActiveShard { migration: *id });
        }
    }
    claims
}

fn under_way_by_its_events(events: &[&Event]) -> Option<ShardId> {
    let status = machine::replay(events.iter().copied()).ok()??;
    if status.is_terminal() {
        return None;
    }
    events.first()?.shard
}

fn finished(image: &Image) -> Claims<Finished> {
    let ended = |migration: &Migration| {
        let finished_at_ms = migration.state.finished_at_ms()?;
        Some(((finished_at_ms, migration.id), vec![Finished]))
    };
    image.migrations.values().filter_map(ended).collect()
}

fn migration_events(image: &Image) -> Claims<MigrationEvent> {
    let about = |event: &Event| Some(((event.migration?, event.seq), vec![MigrationEvent]));
    image.events.values().filter_map(about).collect()
}

fn requests(image: &Image) -> Claims<Request> {
    let mut claims = Claims::<Request>::new();
    for migration in image.migrations.values() {
        if let Some(key) = migration.request.clone() {
            let row = Request {
                migration: migration.id,
                shard: migration.shard,
                from: migration.from,
                to: migration.to,
            };
            claim(&mut claims, key, row);
        }
    }
    claims
}

/// How many migrations hold a slot in each scope.
pub(super) fn slots_held(image: &Image) -> BTreeMap<SlotScope, InFlight> {
    let mut slots = BTreeMap::new();
    for migration in image.migrations.values().filter(|row| row.holds_slot()) {
        let scopes = [
            SlotScope::Total,
            SlotScope::Source(migration.from),
            SlotScope::Destination(migration.to),
            SlotScope::Pair(migration.from, migration.to),
        ];
        for scope in scopes {
            let slot: &mut InFlight = slots.entry(scope).or_insert(InFlight { count: 0 });
            slot.count = slot.count.saturating_add(1);
        }
    }
    slots
}

fn claim<K: Ord, R>(claims: &mut BTreeMap<K, Vec<R>>, key: K, row: R) {
    claims.entry(key).or_default().push(row);
}

fn one_each<K: Ord, R>(rows: BTreeMap<K, R>) -> BTreeMap<K, Vec<R>> {
    rows.into_iter()
        .map(|(key, row)| (key, vec![row]))
        .collect()
}

/// What two rows of a table both claim: the first claimant and each further one.
pub(super) fn claimed_twice<K: Ord + Clone, Id: Copy>(
    claims: impl IntoIterator<Item = (K, Id)>,
) -> Vec<(K, Id, Id)> {
    let mut first = BTreeMap::new();
    let mut twice = Vec::new();
    for (key, id) in claims {
        match first.get(&key) {
            Some(other) => twice.push((key, *other, id)),
            None => {
                first.insert(key, id);
            }
        }
    }
    twice
}

/// The events about a migration, for those that cannot be read.
pub(super) type EventsOf<'a> = BTreeMap<MigrationId, Vec<&'a Event>>;
