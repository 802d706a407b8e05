//! Random files with random faults of their indexes: repaired, they are byte for byte what they were.

use proptest::prelude::*;
use shardferry::schema::codec::Record;
use shardferry::schema::key::{Key as _, SlotScope};
use shardferry::schema::table::{self, Table, TableId};
use shardferry::schema::text::{NodeName, RangeKey};
use shardferry::schema::v1::{
    ActiveShard, Finished, InFlight, MigrationEvent, NodeNameEntry, Placement, RangeEntry, Request,
    ShardNameEntry,
};
use shardferry::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};

use super::repair;
use crate::model;
use crate::support::{A, B, Place, Planter, cases, clean, key, shard};

const INDEXES: [TableId; 9] = [
    TableId::NodeNames,
    TableId::ShardNames,
    TableId::ShardRanges,
    TableId::Placements,
    TableId::ActiveShards,
    TableId::MigrationEvents,
    TableId::Finished,
    TableId::Requests,
    TableId::InFlight,
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Missing,
    Garbled,
    Orphan,
    Wrong,
    /// The value of another row of the table.
    Foreign,
}

#[derive(Clone, Debug)]
struct Fault {
    table: TableId,
    kind: Kind,
    /// Which row.
    at: usize,
    /// What an orphan names.
    id: u64,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let kinds = prop_oneof![
        Just(Kind::Missing),
        Just(Kind::Garbled),
        Just(Kind::Orphan),
        Just(Kind::Wrong),
        Just(Kind::Foreign),
    ];
    let table = prop::sample::select(&INDEXES[..]);
    let fault = (table, kinds, any::<usize>(), 0..1_000_u64);
    let fault = fault.prop_map(|(table, kind, at, id)| Fault {
        table,
        kind,
        at,
        id,
    });
    prop::collection::vec(fault, 1..=5)
}

/// A valid row that speaks of what never was: under a key of its own, or under `there`.
fn made_up(table: TableId, id: u64, there: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
    fn row<R: Record>(
        table: Table<R>,
        own: R::Key,
        there: Option<&[u8]>,
        record: &R,
    ) -> (Vec<u8>, Vec<u8>) {
        let key = there.map_or(own, |there| table.key(there).unwrap());
        (key.to_bytes(), table.encode(&key, record).unwrap())
    }
    // No two tables name the same: what two indexes name was lost, and is not repaired.
    let id = 10_000 + id * 32 + u64::from(table.tag());
    let nobody = MigrationId(uuid::Uuid::from_u128(u128::from(id)));
    let (of_shard, of_node) = (ShardId(id), NodeId(id));
    match table {
        TableId::NodeNames => {
            let name = NodeName::new(format!("ghost-{id}")).unwrap();
            row(
                table::NODE_NAMES,
                name,
                there,
                &NodeNameEntry { node: of_node },
            )
        }
        TableId::ShardNames => {
            let entry = ShardNameEntry { shard: of_shard };
            row(table::SHARD_NAMES, shard(id, A).name, there, &entry)
        }
        TableId::ShardRanges => {
            let start = RangeKey::new(id.to_be_bytes()).unwrap();
            row(
                table::SHARD_RANGES,
                start,
                there,
                &RangeEntry { shard: of_shard },
            )
        }
        TableId::Placements => row(table::PLACEMENTS, (A, of_shard), there, &Placement::Replica),
        TableId::ActiveShards => row(
            table::ACTIVE_SHARDS,
            of_shard,
            there,
            &ActiveShard { migration: nobody },
        ),
        TableId::MigrationEvents => row(
            table::MIGRATION_EVENTS,
            (nobody, EventSeq(id)),
            there,
            &MigrationEvent,
        ),
        TableId::Finished => row(table::FINISHED, (TimestampMs(id), nobody), there, &Finished),
        TableId::Requests => {
            let entry = Request {
                migration: nobody,
                shard: of_shard,
                from: A,
                to: B,
            };
            row(table::REQUESTS, key(&format!("ghost-{id}")), there, &entry)
        }
        TableId::InFlight => row(
            table::IN_FLIGHT,
            SlotScope::Source(of_node),
            there,
            &InFlight { count: id },
        ),
        other => panic!("{other:?} is no index"),
    }
}

fn plant(planter: &Planter, fault: &Fault) {
    let Fault {
        table,
        kind,
        at,
        id,
    } = *fault;
    let rows = planter.rows(table);
    let there = |at: usize| rows.get(at % rows.len().max(1)).cloned();
    match (kind, there(at)) {
        (Kind::Orphan, _) | (_, None) => {
            let (key, value) = made_up(table, id, None);
            planter.put_raw(table, &key, &value);
        }
        (Kind::Missing, Some((key, _))) => planter.delete_raw(table, &key),
        (Kind::Garbled, Some((key, mut value))) => {
            let at = at % value.len();
            value[at] ^= 1;
            planter.put_raw(table, &key, &value);
        }
        (Kind::Wrong, Some((key, _))) if table.key_is_valid(&key) => {
            let (key, value) = made_up(table, id, Some(&key));
            planter.put_raw(table, &key, &value);
        }
        (Kind::Wrong, Some((key, _))) => planter.delete_raw(table, &key),
        (Kind::Foreign, Some((key, _))) => {
            let (_, value) = there(at.wrapping_add(1)).unwrap();
            planter.put_raw(table, &key, &value);
        }
    }
}

trait KeyIsValid {
    fn key_is_valid(self, key: &[u8]) -> bool;
}

impl KeyIsValid for TableId {
    fn key_is_valid(self, key: &[u8]) -> bool {
        // Every key of these files was written by the library, or by `made_up`.
        !key.is_empty() || self == Self::ShardRanges
    }
}

/// A file after random operations, with ranges and request keys too.
fn file(ops: &[model::Op], required: bool) -> Result<Place, TestCaseError> {
    let place = Place::new();
    model::played(&place, required, ops)?;
    let tracker = place.open();
    for (id, start, end) in [(21, "a", Some("f")), (22, "f", None)] {
        let range = Some(crate::support::range(start, end));
        let replicas = vec![NodeId(3)];
        let ranged = shardferry::Shard {
            range,
            replicas,
            ..shard(id, A)
        };
        // A node may have left by now.
        let _ = tracker.register_shard(ranged);
    }
    for name in ["one", "two"] {
        let id = ShardId(if name == "one" { 31 } else { 32 });
        let _ = tracker.begin(&crate::support::request(id, A, B, name));
    }
    clean(&tracker);
    Ok(place)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(48),
        ..ProptestConfig::default()
    })]

    #[test]
    fn faults_of_indexes_are_undone_to_the_byte(
        ops in prop::collection::vec(model::ops(), 1..30),
        required in any::<bool>(),
        faults in faults(),
    ) {
        let place = file(&ops, required)?;
        let planter = Planter::open(&place.path());
        let before = planter.all_rows();
        for fault in &faults {
            plant(&planter, fault);
        }
        let planted = planter.all_rows();
        drop(planter);
        let tracker = place.open();
        let found = tracker.check().unwrap();
        prop_assert_eq!(found.is_clean(), planted == before, "{:?}", faults);
        let report = repair(&tracker);
        prop_assert!(report.is_sound(), "{:#?}", report.left);
        drop(tracker);
        prop_assert!(Planter::open(&place.path()).all_rows() == before, "{:#?}", report.changes);
    }
}
