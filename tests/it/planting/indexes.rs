//! I2: a row too few, a row too many, and a wrong row, in each index.

use shardferry::schema::codec::Record;
use shardferry::schema::key::SlotScope;
use shardferry::schema::table::{self, Table, TableId};
use shardferry::schema::v1::{
    ActiveShard, Finished, InFlight, MigrationEvent, NodeNameEntry, Placement, RangeEntry, Request,
    ShardNameEntry,
};
use shardferry::{EventSeq, MigrationId, ShardId, TimestampMs};

use super::faulty::{Faulty, event_of};
use crate::support::{A, B, C, clean, key, range, shard};

/// A row too few, a row too many, and a wrong row of an index.
fn index_faults<R: Record + Clone>(
    table: Table<R>,
    there: impl Fn(&Faulty) -> R::Key,
    there_shown: &str,
    (too_many, too_many_shown): (R::Key, &str),
    wrong: Option<R>,
) {
    let faulty = Faulty::new();
    let there = there(&faulty);
    let row = faulty.read(table, &there);
    faulty
        .delete(table, &there)
        .finds("I2", table.id(), there_shown);
    faulty.put(table, &there, &row).put(table, &too_many, &row);
    faulty.finds("I2", table.id(), too_many_shown);
    faulty.delete(table, &too_many);
    if let Some(wrong) = wrong {
        faulty.put(table, &there, &wrong);
        faulty.finds("I2", table.id(), there_shown);
        faulty.put(table, &there, &row);
    }
    clean(&faulty.place.open());
}

#[test]
fn i2_every_index() {
    let nobody = MigrationId(uuid::Uuid::from_u128(9));
    let wrong = ActiveShard { migration: nobody };
    index_faults(
        table::ACTIVE_SHARDS,
        |_| ShardId(1),
        "shard 1",
        (ShardId(99), "shard 99"),
        Some(wrong),
    );
    index_faults(
        table::FINISHED,
        |faulty| {
            let row = faulty.read(table::MIGRATIONS, &faulty.failed);
            (row.state.finished_at_ms().unwrap(), faulty.failed)
        },
        "migration ",
        ((TimestampMs(5), nobody), "5 ms, migration"),
        None::<Finished>,
    );
    index_faults(
        table::MIGRATION_EVENTS,
        |faulty| (faulty.pending, event_of(faulty, faulty.pending, 0)),
        "migration ",
        ((nobody, EventSeq(1)), "event 1"),
        None::<MigrationEvent>,
    );
    index_faults(
        table::NODE_NAMES,
        |_| shardferry::schema::text::NodeName::new("node-1").unwrap(),
        "node-1",
        (
            shardferry::schema::text::NodeName::new("ghost").unwrap(),
            "ghost",
        ),
        Some(NodeNameEntry { node: B }),
    );
    index_faults(
        table::SHARD_NAMES,
        |_| shard(1, A).name,
        "shard-1",
        (shard(77, A).name, "shard-77"),
        Some(ShardNameEntry { shard: ShardId(2) }),
    );
    index_faults(
        table::SHARD_RANGES,
        |_| range("a", None).start,
        "\"a\"",
        (range("q", None).start, "\"q\""),
        Some(RangeEntry { shard: ShardId(1) }),
    );
    index_faults(
        table::PLACEMENTS,
        |_| (A, ShardId(1)),
        "node 1, shard 1",
        ((C, ShardId(1)), "node 3, shard 1"),
        Some(Placement::Replica),
    );
    index_faults(
        table::IN_FLIGHT,
        |_| SlotScope::Source(A),
        "source node 1",
        (SlotScope::Destination(C), "destination node 3"),
        Some(InFlight { count: 2 }),
    );
    let wrong = Request {
        migration: nobody,
        shard: ShardId(2),
        from: A,
        to: B,
    };
    index_faults(
        table::REQUESTS,
        |_| key("two"),
        "\"two\"",
        (key("three"), "\"three\""),
        Some(wrong),
    );
}

#[test]
fn i2_ranges_that_overlap() {
    let faulty = Faulty::new();
    let both = Some(range("c", Some("d")));
    faulty.change(table::SHARDS, ShardId(5), |row| row.range = both.clone());
    let entry = RangeEntry { shard: ShardId(5) };
    faulty.put(table::SHARD_RANGES, &range("c", None).start, &entry);
    faulty.finds("I2", TableId::Shards, "shard 6");
}
