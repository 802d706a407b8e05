//! I2: every index is what its table says, row for row.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::violation::ShownKey;
use super::{Image, Violation};
use crate::schema::key::SlotScope;
use crate::schema::table::TableId;
use crate::schema::v1::{
    ActiveShard, Finished, InFlight, Migration, MigrationEvent, NodeNameEntry, Placement,
    RangeEntry, Request, ShardNameEntry,
};

/// I2: `active_shards` is exactly the set of migrations under way, and every other index equals a
/// function of its table: `finished`, `migration_events`, `requests`, `in_flight` (migrations and
/// events), `node_names` (nodes), `shard_names`, `shard_ranges` and `placements` (shards).
#[must_use]
pub fn invariant_i2_indexes_follow_from_their_tables(image: &Image) -> Vec<Violation> {
    let mut violations = active_shards(image);
    violations.extend(finished(image));
    violations.extend(migration_events(image));
    violations.extend(requests(image));
    violations.extend(in_flight(image));
    violations.extend(registry(image));
    violations
}

fn active_shards(image: &Image) -> Vec<Violation> {
    let mut expected = BTreeMap::new();
    for migration in image.under_way() {
        let entry = ActiveShard {
            migration: migration.id,
        };
        // Where a shard has two of them, which I1 names, the index may name either.
        if image.active_shards.get(&migration.shard) == Some(&entry) {
            expected.insert(migration.shard, entry);
        } else {
            expected.entry(migration.shard).or_insert(entry);
        }
    }
    compare(TableId::ActiveShards, &expected, &image.active_shards)
}

fn finished(image: &Image) -> Vec<Violation> {
    let ended = |migration: &Migration| {
        let finished_at_ms = migration.state.finished_at_ms()?;
        Some(((finished_at_ms, migration.id), Finished))
    };
    let expected = image.migrations.values().filter_map(ended).collect();
    compare(TableId::Finished, &expected, &image.finished)
}

fn migration_events(image: &Image) -> Vec<Violation> {
    let about = image
        .events
        .values()
        .filter_map(|event| Some(((event.migration?, event.seq), MigrationEvent)));
    compare(
        TableId::MigrationEvents,
        &about.collect(),
        &image.migration_events,
    )
}

fn requests(image: &Image) -> Vec<Violation> {
    let requested = image.migrations.values().filter_map(|migration| {
        let row = Request {
            migration: migration.id,
            shard: migration.shard,
            from: migration.from,
            to: migration.to,
        };
        Some((migration.request.clone()?, row))
    });
    compare(TableId::Requests, &requested.collect(), &image.requests)
}

/// How many migrations hold a slot in each scope.
pub(super) fn slots_held(image: &Image) -> BTreeMap<SlotScope, InFlight> {
    let mut slots = BTreeMap::new();
    for migration in image.migrations.values().filter(|row| row.holds_slot()) {
        let scopes = [
            SlotScope::Total,
            SlotScope::Source(migration.from),
            SlotScope::Destination(migration.to),
        ];
        for scope in scopes {
            let slot: &mut InFlight = slots.entry(scope).or_insert(InFlight { count: 0 });
            slot.count = slot.count.saturating_add(1);
        }
    }
    slots
}

fn in_flight(image: &Image) -> Vec<Violation> {
    compare(TableId::InFlight, &slots_held(image), &image.in_flight)
}

fn registry(image: &Image) -> Vec<Violation> {
    let mut node_names = BTreeMap::new();
    for node in image.nodes.values() {
        node_names.insert(node.name.clone(), NodeNameEntry { node: node.id });
    }
    let mut shard_names = BTreeMap::new();
    let mut shard_ranges = BTreeMap::new();
    let mut placements = BTreeMap::new();
    for shard in image.shards.values() {
        let id = shard.id;
        shard_names.insert(shard.name.clone(), ShardNameEntry { shard: id });
        if let Some(range) = &shard.range {
            shard_ranges.insert(range.start.clone(), RangeEntry { shard: id });
        }
        for replica in &shard.replicas {
            placements.insert((*replica, id), Placement::Replica);
        }
        placements.insert((shard.owner, id), Placement::Owner);
    }
    let mut violations = compare(TableId::NodeNames, &node_names, &image.node_names);
    violations.extend(compare(
        TableId::ShardNames,
        &shard_names,
        &image.shard_names,
    ));
    violations.extend(compare(
        TableId::ShardRanges,
        &shard_ranges,
        &image.shard_ranges,
    ));
    violations.extend(compare(TableId::Placements, &placements, &image.placements));
    violations.extend(overlaps(image));
    violations
}

/// An index by starts finds the shard of a key only where no two ranges share one.
fn overlaps(image: &Image) -> Vec<Violation> {
    let ranges = image.shards.values();
    let mut ranges: Vec<_> = ranges
        .filter_map(|shard| Some((shard.range.as_ref()?, shard.id)))
        .collect();
    ranges.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start));
    let pairs = ranges.iter().zip(ranges.iter().skip(1));
    pairs
        .filter(|((range, _), (next, _))| range.overlaps(next))
        .map(|((range, id), (next, other))| {
            let rule = format!("its range {range} overlaps {next} of shard {other}");
            Violation::new("I2", TableId::Shards, id, rule)
        })
        .collect()
}

fn compare<K: ShownKey + Ord, R: PartialEq + Debug>(
    table: TableId,
    expected: &BTreeMap<K, R>,
    found: &BTreeMap<K, R>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (key, row) in expected {
        let rule = match found.get(key) {
            None => format!("the row is missing; it would be {row:?}"),
            Some(there) if there != row => format!("the row is {there:?} and should be {row:?}"),
            Some(_) => continue,
        };
        violations.push(Violation::new("I2", table, key, rule));
    }
    for (key, row) in found {
        if !expected.contains_key(key) {
            let rule = format!("nothing stands behind this row: {row:?}");
            violations.push(Violation::new("I2", table, key, rule));
        }
    }
    violations
}
