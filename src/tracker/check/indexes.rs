//! I2: every index is what its table says, row for row.

use std::convert::Infallible;
use std::fmt::Debug;

use super::derived::{EachIndex, Index, LostRow, claimed_twice, each_index};
use super::violation::ShownKey;
use super::{Image, Violation};
use crate::schema::codec::Record;
use crate::schema::table::TableId;

/// I2: `active_shards` is exactly the set of migrations under way, and every other index equals a
/// function of its table: `finished`, `migration_events`, `requests`, `in_flight` (migrations and
/// events), `node_names` (nodes), `shard_names`, `shard_ranges` and `placements` (shards).
///
/// Names, ranges and request keys are unique, else no index could hold them. What an index says of
/// a row that cannot be read is not wrong: that row is I11's.
#[must_use]
pub fn invariant_i2_indexes_follow_from_their_tables(image: &Image) -> Vec<Violation> {
    let mut compared = Compared {
        image,
        violations: Vec::new(),
    };
    match each_index(image, &mut compared) {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let mut violations = compared.violations;
    violations.extend(shared(image));
    violations.extend(overlaps(image));
    violations
}

struct Compared<'a> {
    image: &'a Image,
    violations: Vec<Violation>,
}

impl EachIndex for Compared<'_> {
    type Error = Infallible;

    fn index<R>(&mut self, index: Index<'_, R>) -> Result<(), Infallible>
    where
        R: Record<Key: ShownKey + Ord + Clone> + PartialEq + Debug + Clone,
    {
        let table = index.table.id();
        let mut broken = |key: &R::Key, rule| {
            self.violations.push(Violation::new("I2", table, key, rule));
        };
        for (key, claims) in &index.expected {
            let rule = match index.found.get(key) {
                // A damaged row is not a missing one.
                None if self.image.is_lost(table, key) => continue,
                None => format!("the row is missing; it would be {}", either(claims)),
                Some(there) if !claims.contains(there) => {
                    format!("the row is {there:?} and should be {}", either(claims))
                }
                Some(_) => continue,
            };
            broken(key, rule);
        }
        for (key, row) in index.found {
            if index.expected.contains_key(key) {
                continue;
            }
            match (index.names_lost)(key, row) {
                Some(LostRow::Unreadable) => {}
                Some(LostRow::Missing) => broken(key, format!("what it names is lost: {row:?}")),
                None => broken(key, format!("nothing stands behind this row: {row:?}")),
            }
        }
        Ok(())
    }
}

fn either<R: Debug>(claims: &[R]) -> String {
    let claims: Vec<_> = claims.iter().map(|row| format!("{row:?}")).collect();
    claims.join(" or ")
}

/// Names and request keys that two rows have.
fn shared(image: &Image) -> Vec<Violation> {
    let nodes = image.nodes.values();
    let nodes = claimed_twice(nodes.map(|node| (node.name.clone(), node.id)));
    let shards = image.shards.values();
    let shards = claimed_twice(shards.map(|shard| (shard.name.clone(), shard.id)));
    let requested = image.migrations.values();
    let requested = claimed_twice(requested.filter_map(|row| Some((row.request.clone()?, row.id))));
    let mut violations = Vec::new();
    for (name, first, id) in nodes {
        let rule = format!("its name {name} is that of node {first}, too");
        violations.push(Violation::new("I2", TableId::Nodes, &id, rule));
    }
    for (name, first, id) in shards {
        let rule = format!("its name {name} is that of shard {first}, too");
        violations.push(Violation::new("I2", TableId::Shards, &id, rule));
    }
    for (key, first, id) in requested {
        let rule = format!("its request {key} is that of migration {first}, too");
        violations.push(Violation::new("I2", TableId::Migrations, &id, rule));
    }
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
