//! A database with rows in every table and of every kind.

use shardferry::schema::GroupId;
use shardferry::schema::key::RowKey;
use shardferry::schema::table::{PAUSES, QUARANTINE, SET_ASIDE, TableId};
use shardferry::schema::text::{Address, Checkpoint, Reason, ShardName, Zone};
use shardferry::schema::v1::{
    Failure, FailureClass, Node, Pause, PauseScope, Quarantined, SetAsideRow, Shard,
};
use shardferry::tracker::BeginRequest;
use shardferry::{Epoch, MigrationTracker, NodeId, Settings, ShardId, TimestampMs};

use crate::support::{
    A, B, C, Place, Planter, blake3, key, node, range, request, shard, side, sound, worker,
};

/// Builds it at the path of `place` and opens it.
pub(crate) fn rich(place: &Place) -> MigrationTracker {
    let settings = Settings {
        bytes_per_second_max: Some(u64::MAX),
        retention_count_max: Some(3),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    register(&tracker);
    migrate(&tracker);
    drop(tracker);
    plant(place);
    let tracker = place.open();
    let image = sound(&tracker);
    assert!(image.pruned().migrations > 0, "history was pruned");
    for table in tracker.check().unwrap().tables {
        assert!(table.rows > 0, "{} is empty", table.table);
    }
    tracker
}

fn register(tracker: &MigrationTracker) {
    tracker
        .register_node(Node {
            address: Some(Address::new("/mnt/ä \"quoted\" \\").unwrap()),
            zone: Some(Zone::new("rack-1").unwrap()),
            capacity_bytes: Some(u64::MAX),
            capacity_load: Some((1 << 53) - 1),
            capacity_shards: Some(1 << 53),
            weight: u32::MAX,
            scan: true,
            ..node(1)
        })
        .unwrap();
    tracker.register_node(node(2)).unwrap();
    tracker.register_node(node(3)).unwrap();
    tracker.register_node(node(u64::MAX)).unwrap();
    for id in 1..=9 {
        tracker.register_shard(shard(id, A)).unwrap();
    }
    tracker
        .register_shard(Shard {
            name: ShardName::new(*b"\xff\x00\n").unwrap(),
            range: Some(range("", Some("k"))),
            replicas: vec![C, NodeId(u64::MAX)],
            bytes: u64::MAX,
            group: Some(GroupId(u64::MAX)),
            allowed: vec![A, B, C, NodeId(u64::MAX)],
            ..shard(u64::MAX, A)
        })
        .unwrap();
    tracker
        .register_shard(Shard {
            range: Some(range("k", None)),
            pinned: true,
            disallowed: vec![C],
            ..shard(100, B)
        })
        .unwrap();
}

fn migrate(tracker: &MigrationTracker) {
    let begin = |shard: u64| tracker.begin_migration(ShardId(shard), A, B).unwrap();
    for shard in 1..=4 {
        let id = begin(shard);
        tracker.start_migration(id).unwrap();
        tracker.complete_migration(id).unwrap();
    }
    tracker
        .fail_migration(begin(5), "the disk is \u{1F4A5}")
        .unwrap();
    tracker.cancel_migration(begin(6), "").unwrap();
    let named = BeginRequest {
        priority: -7,
        reason: Reason::new("because"),
        ..request(ShardId(7), A, C, "ticket \"9\"")
    };
    let id = tracker.begin(&named).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let cursor = Checkpoint::new([0_u8, 255, 7]).unwrap();
    claim.report(5, Some(u64::MAX), Some(cursor)).unwrap();
    claim.begin_verification().unwrap();
    claim.submit_evidence(blake3(), side(5), side(6)).unwrap();
    let id = begin(8);
    let claim = tracker.claim(id, &worker()).unwrap();
    let retriable = FailureClass::Retriable;
    claim.fail_attempt(retriable, "timeout", true).unwrap();
    begin(9);
    assert_eq!(named.request, Some(key("ticket \"9\"")));
}

/// What no operation writes yet.
fn plant(place: &Place) {
    let planter = Planter::open(&place.path());
    let at_ms = TimestampMs(5);
    let reason = Reason::new("by hand");
    let scopes = [PauseScope::Everything, PauseScope::Node(C)];
    for scope in scopes {
        let reason = reason.clone();
        planter.put(PAUSES, &scope, &Pause { at_ms, reason });
    }
    let failure = Failure {
        epoch: Epoch(1),
        at_ms,
        class: FailureClass::Unknown,
        reason: reason.clone(),
    };
    let quarantined = Quarantined {
        at_ms,
        migration: "01a20000-0000-7000-8000-000000000000".parse().unwrap(),
        failures: vec![failure],
    };
    planter.put(QUARANTINE, &ShardId(200), &quarantined);
    let row = RowKey {
        table: TableId::Shards.tag(),
        part: 0,
        key: vec![1, 2, 255],
    };
    let set_aside = SetAsideRow {
        value: vec![0, 255],
        value_bytes: 2,
        reason,
        at_ms,
    };
    planter.put(SET_ASIDE, &row, &set_aside);
}
