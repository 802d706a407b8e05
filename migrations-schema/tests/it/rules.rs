//! What the types alone cannot refuse: not written, and not read under a checksum that is right.

use migrations_schema::codec::{DecodeError, EncodeError, Record};
use migrations_schema::key::{Key, MetaKey, RowKey, SettingsKey, SlotScope};
use migrations_schema::table::{self, Table, TableId};
use migrations_schema::text::{ExecutorName, NodeName, RangeKey, Reason, RequestKey, ShardName};
use migrations_schema::v1::{
    Actor, Attempt, Cleanup, CleanupKind, Event, EventKind, Failure, FailureClass, FileMeta,
    InFlight, KeyRange, LastMove, Migration, Node, Progress, Quarantined, Request, SetAsideRow,
    Settings, Shard, State, Trigger,
};
use migrations_schema::{
    Epoch, EventSeq, FileId, MigrationId, NodeId, SessionId, ShardId, TimestampMs,
};
use uuid::Uuid;

use crate::reread::{Refused, reread, sealed};

const START: TimestampMs = TimestampMs(0);

/// `record` is fine under `key`; after `change` it breaks `rule`.
fn broken<R: Record + Clone>(
    table: Table<R>,
    key: &R::Key,
    record: &R,
    change: impl FnOnce(&mut R),
    rule: &'static str,
) {
    let written = table.encode(key, record).unwrap();
    assert!(table.decode(key, &written).is_ok(), "{rule}");
    let mut record = record.clone();
    change(&mut record);
    let found = table.encode(key, &record);
    assert_eq!(found, Err(EncodeError::Invalid { rule }));
}

/// Rules hold for what another writer left behind, too: the payloads by hand.
#[test]
fn a_reader_checks_the_rules() {
    let node = NodeId(1).to_bytes();
    let created_by = [&[1][..], &[0; 16], &[0, 129], &[b'x'; 129]].concat();
    for (table, key, payload, rule) in [
        (
            TableId::Meta,
            &b"file"[..],
            &created_by[..],
            "created_by has at most 128 bytes",
        ),
        (
            TableId::Nodes,
            &node,
            &[2, 1, b'a', 0, 0, 0, 0, 0, 0, 1, 0],
            "a node is stored under its id",
        ),
        (
            TableId::Nodes,
            &node,
            &[1, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0],
            "the weight of a node is at least 1",
        ),
        (
            TableId::Events,
            &node,
            &[2, 0, 0, 0, 0, 0, 0, 1],
            "an event is stored under its position",
        ),
        (
            TableId::Events,
            &[0; 8],
            &[0, 0, 0, 0, 0, 0, 0, 1],
            "the first event is 1",
        ),
        (TableId::Meta, b"file", &[0; 19], "the first format is 1"),
        (
            TableId::InFlight,
            &[0],
            &[0],
            "a count of zero is an absent row",
        ),
        (
            TableId::SetAside,
            &[3, 0, 0, 0, 0],
            &[2, 0, 0, 1, 0, 0],
            "a part has 48 KiB of the value, or the rest of it",
        ),
        (
            TableId::SetAside,
            &[3, 0, 0, 0, 0],
            &[2, 0, 0, 3, 0, 0],
            "a part has 48 KiB of the value, or the rest of it",
        ),
        (
            TableId::SetAside,
            &[3, 0, 0, 0, 1],
            &[2, 0, 0, 2, 0, 0],
            "a value has as many parts as it needs",
        ),
        (
            TableId::LastMoves,
            &node,
            &[&[4, 4, 0][..], &[0; 16]].concat(),
            "source and destination differ",
        ),
        (
            TableId::Requests,
            b"a",
            &[&[0; 16][..], &[1, 4, 4]].concat(),
            "source and destination differ",
        ),
    ] {
        let found = reread(table, key, &sealed(table, key, payload));
        assert_eq!(found, Err(Refused::Value(DecodeError::Invalid { rule })));
    }
}

fn failures(count: usize) -> Vec<Failure> {
    let failure = Failure {
        epoch: Epoch(1),
        at_ms: START,
        class: FailureClass::Unknown,
        reason: Reason::new(""),
    };
    vec![failure; count]
}

#[test]
fn meta() {
    let meta = FileMeta {
        format: 1,
        file: FileId(Uuid::nil()),
        created_at_ms: START,
        created_by: "x".repeat(128),
    };
    broken(
        table::META,
        &MetaKey::File,
        &meta,
        |meta| meta.created_by.push('x'),
        "created_by has at most 128 bytes",
    );
    broken(
        table::META,
        &MetaKey::File,
        &meta,
        |meta| meta.format = 0,
        "the first format is 1",
    );
}

#[test]
fn settings() {
    let check = |change: fn(&mut Settings), rule| {
        let settings = Settings::default();
        broken(
            table::SETTINGS,
            &SettingsKey::Current,
            &settings,
            change,
            rule,
        );
    };
    check(|s| s.attempts_max = 0, "attempts_max is at least 1");
    check(|s| s.lease_ms = 0, "lease_ms is at least 1");
    check(
        |s| s.backoff_ms_min = s.backoff_ms_max + 1,
        "backoff_ms_min is at most backoff_ms_max",
    );
    let limit = "a limit is at least 1";
    check(|s| s.in_flight_max = Some(0), limit);
    check(|s| s.in_flight_per_source_max = Some(0), limit);
    check(|s| s.in_flight_per_destination_max = Some(0), limit);
    check(|s| s.in_flight_per_pair_max = Some(0), limit);
    check(|s| s.bytes_per_second_max = Some(0), limit);
}

#[test]
fn nodes() {
    let node = Node::new(NodeId(1), NodeName::new("a").unwrap());
    let check = |change: fn(&mut Node), rule| broken(table::NODES, &node.id, &node, change, rule);
    check(|node| node.id.0 = 2, "a node is stored under its id");
    check(|node| node.weight = 0, "the weight of a node is at least 1");
}

fn distinct_nodes(count: usize) -> Vec<NodeId> {
    (2..).map(NodeId).take(count).collect()
}

#[test]
fn shards() {
    let shard = Shard::new(ShardId(1), ShardName::new(*b"a").unwrap(), NodeId(1));
    let check =
        |change: fn(&mut Shard), rule| broken(table::SHARDS, &shard.id, &shard, change, rule);
    check(|shard| shard.id.0 = 2, "a shard is stored under its id");
    check(
        |shard| {
            let key = RangeKey::new(*b"a").unwrap();
            shard.range = Some(KeyRange {
                start: key.clone(),
                end: Some(key),
            });
        },
        "a key range ends after its start",
    );
    check(
        |shard| shard.replicas = distinct_nodes(Shard::REPLICAS_MAX + 1),
        "a shard has at most 64 replicas",
    );
    check(
        |shard| shard.replicas = vec![shard.owner],
        "the owner is not among the replicas",
    );
    let once = "a list of nodes names each node once";
    let nodes = "a placement rule names at most 1024 nodes";
    let many = || distinct_nodes(Shard::RULE_NODES_MAX + 1);
    check(
        |shard| shard.replicas = vec![NodeId(2), NodeId(3), NodeId(2)],
        once,
    );
    check(
        |shard| shard.allowed = vec![NodeId(2), NodeId(3), NodeId(2)],
        once,
    );
    check(
        |shard| shard.disallowed = vec![NodeId(2), NodeId(3), NodeId(2)],
        once,
    );
    broken(
        table::SHARDS,
        &shard.id,
        &shard,
        |shard| shard.allowed = many(),
        nodes,
    );
    broken(
        table::SHARDS,
        &shard.id,
        &shard,
        |shard| shard.disallowed = many(),
        nodes,
    );
}

fn claimed() -> Migration {
    Migration {
        id: MigrationId(Uuid::nil()),
        shard: ShardId(1),
        from: NodeId(1),
        to: NodeId(2),
        state: State::InProgress {
            started_at_ms: START,
        },
        created_at_ms: START,
        epoch: Epoch(1),
        refused_epoch: Epoch(0),
        attempt: Some(Attempt {
            epoch: Epoch(1),
            executor: ExecutorName::new("a").unwrap(),
            session: SessionId(Uuid::nil()),
            claimed_at_ms: START,
            lease_until_ms: START,
            moved_at_ms: START,
            stalled: false,
        }),
        failed_attempts: 8,
        failures: failures(8),
        not_before_ms: START,
        progress: Progress::default(),
        checkpoint: None,
        evidence: None,
        fenced_at_ms: None,
        cancel: None,
        priority: 0,
        trigger: Trigger::Manual,
        reason: Reason::new(""),
        request: None,
        shard_version: None,
        reverse_of: None,
    }
}

#[test]
fn migrations() {
    let check = |change: fn(&mut Migration), rule| {
        let migration = claimed();
        broken(table::MIGRATIONS, &migration.id, &migration, change, rule);
    };
    check(
        |m| m.id = MigrationId(Uuid::max()),
        "a migration is stored under its id",
    );
    check(|m| m.to = m.from, "source and destination differ");
    check(
        |m| m.failures = failures(9),
        "at most 8 failures are remembered",
    );
    check(
        |m| m.failed_attempts = 7,
        "each remembered failure was counted",
    );
    check(
        |m| m.progress.sampled_bytes = 1,
        "the rate was measured on bytes that were reported",
    );
    check(
        |m| {
            m.progress.bytes_migrated = 2;
            m.progress.bytes_total = Some(1);
        },
        "progress is within the total",
    );
    check(
        |m| m.state = State::Pending,
        "a claimed migration has started",
    );
    check(
        |m| m.refused_epoch = Epoch(2),
        "a report that was refused is of an attempt that was made",
    );
    let newest = "the attempt has the newest epoch, which is at least 1";
    check(|m| m.epoch = Epoch(2), newest);
    check(
        |m| {
            m.epoch = Epoch(0);
            m.attempt.as_mut().unwrap().epoch = Epoch(0);
        },
        newest,
    );
    let ended = "an ended migration is held by nobody";
    let finished_at_ms = START;
    for state in [
        State::Complete {
            started_at_ms: START,
            finished_at_ms,
        },
        State::Failed {
            started_at_ms: None,
            finished_at_ms,
            class: FailureClass::Unknown,
            reason: Reason::new(""),
        },
        State::Cancelled {
            started_at_ms: Some(START),
            finished_at_ms,
            reason: Reason::new(""),
        },
    ] {
        let migration = claimed();
        let change = |m: &mut Migration| m.state = state;
        broken(table::MIGRATIONS, &migration.id, &migration, change, ended);
    }
}

#[test]
fn events() {
    let event = Event {
        seq: EventSeq(1),
        at_ms: START,
        migration: None,
        shard: None,
        epoch: Epoch(0),
        actor: Actor::System,
        cause: Reason::new(""),
        kind: EventKind::Claimed,
    };
    let rule = "an event is stored under its position";
    let change = |event: &mut Event| event.seq.0 = 2;
    broken(table::EVENTS, &EventSeq(1), &event, change, rule);

    let seq = EventSeq(0);
    let rule = "the first event is 1";
    let found = table::EVENTS.encode(&seq, &Event { seq, ..event });
    assert_eq!(found, Err(EncodeError::Invalid { rule }));
}

#[test]
fn cleanups() {
    let cleanup = Cleanup {
        node: NodeId(1),
        shard: ShardId(1),
        kind: CleanupKind::ReleaseSource,
        migration: MigrationId(Uuid::nil()),
        from: NodeId(1),
        to: NodeId(2),
        created_at_ms: START,
        not_before_ms: START,
        retry_at_ms: START,
        failed_attempts: 0,
        last_error: None,
        activated: false,
    };
    let check = |change: fn(&mut Cleanup), rule| {
        let key = (cleanup.node, cleanup.shard);
        broken(table::CLEANUPS, &key, &cleanup, change, rule);
    };
    let place = "a cleanup is stored under its node and shard";
    check(|cleanup| cleanup.node.0 = 2, place);
    check(|cleanup| cleanup.shard.0 = 2, place);
    let side = "a cleanup names the source after a cutover and else the destination";
    check(|c| c.kind = CleanupKind::DiscardDestination, side);
    check(|c| c.from = NodeId(3), side);
    check(|c| c.to = c.from, "source and destination differ");

    let discard = Cleanup {
        node: NodeId(2),
        kind: CleanupKind::DiscardDestination,
        ..cleanup.clone()
    };
    broken(
        table::CLEANUPS,
        &(discard.node, discard.shard),
        &discard,
        |c| c.activated = true,
        "a copy that is discarded never served",
    );
}

#[test]
fn last_moves_and_requests() {
    let rule = "source and destination differ";
    let last = LastMove {
        from: NodeId(1),
        to: NodeId(2),
        at_ms: START,
        migration: MigrationId(Uuid::nil()),
    };
    let change = |last: &mut LastMove| last.to = last.from;
    broken(table::LAST_MOVES, &ShardId(1), &last, change, rule);

    let request = Request {
        migration: MigrationId(Uuid::nil()),
        shard: ShardId(1),
        from: NodeId(1),
        to: NodeId(2),
    };
    let key = RequestKey::new("a").unwrap();
    let change = |request: &mut Request| request.from = request.to;
    broken(table::REQUESTS, &key, &request, change, rule);
}

#[test]
fn in_flight() {
    let count = InFlight { count: 1 };
    let rule = "a count of zero is an absent row";
    let change = |count: &mut InFlight| count.count = 0;
    broken(table::IN_FLIGHT, &SlotScope::Total, &count, change, rule);
}

#[test]
fn quarantine() {
    let quarantined = Quarantined {
        at_ms: START,
        migration: MigrationId(Uuid::nil()),
        failures: failures(8),
    };
    let rule = "at most 8 failures are remembered";
    let change = |quarantined: &mut Quarantined| quarantined.failures = failures(9);
    broken(table::QUARANTINE, &ShardId(1), &quarantined, change, rule);
}

#[test]
fn set_aside() {
    let key = RowKey::first(TableId::Nodes, &[]);
    let rule = "a part has 48 KiB of the value, or the rest of it";
    let max = SetAsideRow::VALUE_BYTES_MAX;
    let row = |len: u64, value_bytes: u64| SetAsideRow {
        value: vec![0; usize::try_from(len).unwrap()],
        value_bytes,
        reason: Reason::new(""),
        at_ms: START,
    };
    let check = |row: SetAsideRow, change: fn(&mut SetAsideRow)| {
        broken(table::SET_ASIDE, &key, &row, change, rule);
    };
    let (longer, shorter) = (
        |row: &mut SetAsideRow| row.value.push(0),
        |row: &mut SetAsideRow| row.value.truncate(row.value.len() - 1),
    );
    for row in [
        row(1, 1),
        row(max, max),
        row(max, max + 1),
        row(max, u64::MAX),
    ] {
        check(row.clone(), longer);
        check(row, shorter);
    }
    check(row(max, max), |row| row.value_bytes -= 1);
    check(row(max - 1, max - 1), |row| row.value_bytes += 1);

    let second = |row: SetAsideRow, change: fn(&mut SetAsideRow), rule| {
        broken(table::SET_ASIDE, &key.part(1), &row, change, rule);
    };
    for row in [row(1, max + 1), row(max, 2 * max), row(max, u64::MAX)] {
        second(row.clone(), longer, rule);
        second(row, shorter, rule);
    }
    let too_many = "a value has as many parts as it needs";
    second(row(1, max + 1), |row| row.value_bytes -= 1, too_many);
}
