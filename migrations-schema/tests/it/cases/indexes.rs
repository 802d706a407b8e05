//! Rows that follow from others: names, ranges, placements, active shards, the log of a migration,
//! ended migrations, counts.

use migrations_schema::key::SlotScope;
use migrations_schema::table;
use migrations_schema::v1::{
    ActiveShard, Finished, InFlight, MigrationEvent, NodeNameEntry, Placement, RangeEntry,
    ShardNameEntry,
};
use migrations_schema::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use uuid::Uuid;

use super::samples::{
    END_OF_TIME, LAST_NODE, NEW_YEAR, last_migration_id, longest_node_name, longest_range_key,
    longest_shard_name, migration_id, node_name, range_key, shard_name,
};
use super::{Case, case, variants};

const LAST_SHARD: ShardId = ShardId(u64::MAX);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = names();
    cases.extend(ranges());
    cases.extend(placements());
    cases.extend(of_migrations());
    cases.extend(in_flight());
    cases
}

fn names() -> Vec<Case> {
    let node = |node| NodeNameEntry { node };
    let shard = |shard| ShardNameEntry { shard };
    vec![
        case(
            table::NODE_NAMES,
            "minimal",
            node_name("a"),
            node(NodeId(0)),
        ),
        case(
            table::NODE_NAMES,
            "maximal",
            longest_node_name(),
            node(LAST_NODE),
        ),
        case(
            table::SHARD_NAMES,
            "minimal",
            shard_name(&[0]),
            shard(ShardId(0)),
        ),
        case(
            table::SHARD_NAMES,
            "maximal",
            longest_shard_name(),
            shard(LAST_SHARD),
        ),
    ]
}

fn ranges() -> Vec<Case> {
    let row = |name, start, shard| case(table::SHARD_RANGES, name, start, RangeEntry { shard });
    vec![
        row("minimal", range_key(b""), ShardId(0)),
        row("maximal", longest_range_key(0xff), LAST_SHARD),
        row("typical", range_key(b"a"), ShardId(7)),
    ]
}

fn placements() -> Vec<Case> {
    let mut cases = vec![
        case(
            table::PLACEMENTS,
            "minimal",
            (NodeId(0), ShardId(0)),
            Placement::Owner,
        ),
        case(
            table::PLACEMENTS,
            "maximal",
            (LAST_NODE, LAST_SHARD),
            Placement::Replica,
        ),
    ];
    let placements = variants! { Placement;
        Placement::Owner => "owner": Placement::Owner,
        Placement::Replica => "replica": Placement::Replica,
    };
    cases.extend(placements.into_iter().map(|(name, placement)| {
        let key = (NodeId(300), ShardId(7));
        case(table::PLACEMENTS, name, key, placement)
    }));
    cases
}

fn of_migrations() -> Vec<Case> {
    let nil = MigrationId(Uuid::nil());
    let active =
        |name, shard, migration| case(table::ACTIVE_SHARDS, name, shard, ActiveShard { migration });
    let event = |name, id, seq| {
        case(
            table::MIGRATION_EVENTS,
            name,
            (id, EventSeq(seq)),
            MigrationEvent,
        )
    };
    let finished = |name, at: TimestampMs, id| case(table::FINISHED, name, (at, id), Finished);
    vec![
        active("minimal", ShardId(0), nil),
        active("maximal", LAST_SHARD, last_migration_id()),
        active("typical", ShardId(7), migration_id(1)),
        event("minimal", nil, 0),
        event("maximal", last_migration_id(), u64::MAX),
        event("typical", migration_id(1), 42),
        finished("minimal", TimestampMs(0), nil),
        finished("maximal", END_OF_TIME, last_migration_id()),
        finished("typical", NEW_YEAR, migration_id(1)),
    ]
}

/// Also the numbers at which the form of a number changes.
fn in_flight() -> Vec<Case> {
    let row = |name: String, scope, count| case(table::IN_FLIGHT, name, scope, InFlight { count });
    let mut cases = vec![
        row("minimal".to_owned(), SlotScope::Total, 1),
        row(
            "maximal".to_owned(),
            SlotScope::Destination(LAST_NODE),
            u64::MAX,
        ),
    ];
    let scopes = variants! { SlotScope;
        SlotScope::Total => "total": SlotScope::Total,
        SlotScope::Source(_) => "source": SlotScope::Source(NodeId(300)),
        SlotScope::Destination(_) => "destination": SlotScope::Destination(NodeId(300)),
        SlotScope::Pair(..) => "pair": SlotScope::Pair(NodeId(300), NodeId(2)),
    };
    cases.extend(
        scopes
            .into_iter()
            .map(|(name, scope)| row(format!("scope-{name}"), scope, 2)),
    );
    let edges = [250, 251, 65_535, 65_536, 4_294_967_295, 4_294_967_296];
    cases.extend(edges.map(|count| row(format!("count-{count}"), SlotScope::Total, count)));
    cases
}
