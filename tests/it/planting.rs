//! `check` finds what is wrong: a fault for each invariant and each index, planted into a closed
//! file behind the library's back.

use shardferry::schema::codec::Record;
use shardferry::schema::key::{Key as _, RetentionKey, SettingsKey, SlotScope};
use shardferry::schema::table::{self, Table, TableId};
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{
    ActiveShard, EventKind, Finished, InFlight, Migration, MigrationEvent, NodeNameEntry,
    Placement, Pruned, RangeEntry, Request, SavedCheckpoint, ShardNameEntry,
};
use shardferry::tracker::check::Violation;
use shardferry::{
    Epoch, EventSeq, MigrationId, MigrationTracker, NodeId, Settings, Shard, ShardId, State,
    TimestampMs,
};

use crate::support::{
    A, B, C, Place, Planter, S, clean, cluster, key, range, request, shard, worker,
};

/// A file in which every table has rows, closed.
struct Faulty {
    place: Place,
    /// Of shard 1, under way and claimed.
    claimed: MigrationId,
    /// Of shard 2, pending, with a request key.
    pending: MigrationId,
    /// Of shard 3, cut over from A to B, not settled.
    complete: MigrationId,
    /// Of shard 4, failed after its start.
    failed: MigrationId,
}

impl Faulty {
    fn new() -> Self {
        let place = Place::new();
        let tracker = cluster(&place, 3, 5);
        let ranged = Shard {
            range: Some(range("a", Some("m"))),
            replicas: vec![C],
            ..shard(6, A)
        };
        tracker.register_shard(ranged).unwrap();
        let claimed = tracker.begin_migration(ShardId(1), A, B).unwrap();
        let claim = tracker.claim(claimed, &worker()).unwrap();
        claim.report(40, Some(100), None).unwrap();
        let pending = tracker.begin(&request(ShardId(2), A, B, "two")).unwrap();
        let complete = tracker.begin_migration(ShardId(3), A, B).unwrap();
        tracker.start_migration(complete).unwrap();
        tracker.complete_migration(complete).unwrap();
        let failed = tracker.begin_migration(ShardId(4), A, B).unwrap();
        tracker.start_migration(failed).unwrap();
        tracker.fail_migration(failed, "broken").unwrap();
        clean(&tracker);
        drop(tracker);
        Self {
            place,
            claimed,
            pending,
            complete,
            failed,
        }
    }

    fn planter(&self) -> Planter {
        Planter::open(&self.place.path())
    }

    fn read<R: Record>(&self, table: Table<R>, key: &R::Key) -> R {
        let value = self.planter().get_raw(table.id(), &key.to_bytes());
        table.decode(key, &value).unwrap()
    }

    fn put<R: Record>(&self, table: Table<R>, key: &R::Key, row: &R) -> &Self {
        self.planter().put(table, key, row);
        self
    }

    fn delete<R: Record>(&self, table: Table<R>, key: &R::Key) -> &Self {
        self.planter().delete(table, key);
        self
    }

    fn change<R: Record>(&self, table: Table<R>, key: R::Key, change: impl Fn(&mut R)) -> &Self {
        let mut row = self.read(table, &key);
        change(&mut row);
        self.put(table, &key, &row)
    }

    /// What `check` says now; it names `invariant`, `table` and `key`.
    #[track_caller]
    fn finds(&self, invariant: &str, table: TableId, key: &str) -> Vec<Violation> {
        let tracker = MigrationTracker::open(self.place.path()).unwrap();
        let before = tracker.image().unwrap();
        let report = tracker.check().unwrap();
        assert!(!report.is_clean());
        let named = report.violations.iter().any(|found| {
            found.invariant == invariant && found.table == table.name() && found.key.contains(key)
        });
        assert!(
            named,
            "{invariant}, {}, {key}: {:#?}",
            table.name(),
            report.violations
        );
        assert_eq!(before, tracker.image().unwrap(), "checking changes nothing");
        report.violations
    }
}

fn event_of(faulty: &Faulty, id: MigrationId, at: usize) -> EventSeq {
    let tracker = faulty.place.open();
    tracker.history(id).unwrap()[at].seq
}

#[test]
fn i1_two_migrations_of_a_shard() {
    let faulty = Faulty::new();
    let mut second = faulty.read(table::MIGRATIONS, &faulty.pending);
    second.shard = ShardId(1);
    second.request = None;
    let id = faulty.pending.to_string();
    let put = faulty.put(table::MIGRATIONS, &faulty.pending, &second);
    put.finds("I1", TableId::Migrations, &id);
}

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

#[test]
fn i3_a_record_to_which_no_transition_leads() {
    type Fault = fn(&mut Migration);
    let faults: [Fault; 3] = [
        |row| row.epoch = Epoch(3),
        |row| row.progress.bytes_migrated = 7,
        |row| {
            row.checkpoint = Some(SavedCheckpoint {
                cursor: Checkpoint::new("x").unwrap(),
                bytes_migrated: 1,
            });
        },
    ];
    for fault in faults {
        let faulty = Faulty::new();
        let id = faulty.pending;
        let changed = faulty.change(table::MIGRATIONS, id, fault);
        changed.finds("I3", TableId::Migrations, &id.to_string());
    }
}

#[test]
fn i4_something_of_an_epoch_that_is_yet_to_come() {
    use shardferry::schema::v1::{Failure, FailureClass};
    let faulty = Faulty::new();
    let id = faulty.claimed;
    let changed = faulty.change(table::MIGRATIONS, id, |row| {
        row.failed_attempts = 1;
        row.failures = vec![Failure {
            epoch: Epoch(9),
            at_ms: TimestampMs(1),
            class: FailureClass::Retriable,
            reason: "later".into(),
        }];
    });
    changed.finds("I4", TableId::Migrations, &id.to_string());
}

#[test]
fn i5_an_owner_that_no_cutover_made() {
    let faulty = Faulty::new();
    faulty.change(table::SHARDS, ShardId(3), |row| row.owner = C);
    faulty.delete(table::PLACEMENTS, &(B, ShardId(3)));
    faulty.put(table::PLACEMENTS, &(C, ShardId(3)), &Placement::Owner);
    let found = faulty.finds("I5", TableId::Shards, "shard 3");
    assert_eq!(
        found.len(),
        1,
        "the indexes fit, the owner does not: {found:#?}"
    );

    let faulty = Faulty::new();
    faulty.change(table::LAST_MOVES, ShardId(3), |row| row.from = C);
    faulty.finds("I5", TableId::LastMoves, "shard 3");

    let faulty = Faulty::new();
    faulty.change(table::LAST_MOVES, ShardId(3), |row| {
        row.migration = MigrationId(uuid::Uuid::from_u128(9));
        row.at_ms = TimestampMs(1);
    });
    faulty.finds("I5", TableId::LastMoves, "shard 3");

    let faulty = Faulty::new();
    faulty.delete(table::NODES, &C);
    faulty.finds("I5", TableId::Shards, "shard 6");
}

#[test]
fn i6_a_copy_that_nobody_will_remove_and_one_that_must_stay() {
    let faulty = Faulty::new();
    let shown = "node 2, shard 4";
    let deleted = faulty.delete(table::CLEANUPS, &(B, ShardId(4)));
    deleted.finds("I6", TableId::Cleanups, shown);

    let faulty = Faulty::new();
    let shown = "node 1, shard 3";
    let deleted = faulty.delete(table::CLEANUPS, &(A, ShardId(3)));
    deleted.finds("I6", TableId::Cleanups, shown);

    // The owner's own copy.
    let faulty = Faulty::new();
    let mut cleanup = faulty.read(table::CLEANUPS, &(B, ShardId(4)));
    (cleanup.node, cleanup.from, cleanup.to) = (A, B, A);
    faulty.put(table::CLEANUPS, &(A, ShardId(4)), &cleanup);
    faulty.finds("I6", TableId::Cleanups, "node 1, shard 4");

    // One that its migration cannot have left.
    let faulty = Faulty::new();
    let migration = faulty.pending;
    let changed = faulty.change(table::CLEANUPS, (B, ShardId(4)), |row| {
        row.migration = migration
    });
    changed.finds("I6", TableId::Cleanups, "node 2, shard 4");
}

#[test]
fn i7_a_migration_onto_a_copy_that_has_to_go() {
    let faulty = Faulty::new();
    let mut cleanup = faulty.read(table::CLEANUPS, &(B, ShardId(4)));
    cleanup.shard = ShardId(2);
    faulty.put(table::CLEANUPS, &(B, ShardId(2)), &cleanup);
    faulty.finds("I7", TableId::Cleanups, "node 2, shard 2");
}

#[test]
fn i8_progress_past_its_total_is_no_row() {
    let faulty = Faulty::new();
    let id = faulty.claimed;
    let mut row = faulty.read(table::MIGRATIONS, &id);
    row.progress.sampled_bytes = 0;
    row.progress.bytes_migrated = 11;
    row.progress.bytes_total = Some(10);
    let refused = table::MIGRATIONS.encode(&id, &row).unwrap_err();
    assert!(refused.to_string().contains("progress is within the total"));
}

#[test]
fn i9_more_than_the_limit() {
    // The limit is that of the file's creation: no change of the settings excuses it.
    let place = Place::new();
    let tracker = place.create();
    for shard in 1..=3 {
        let id = tracker.begin_migration(ShardId(shard), A, B).unwrap();
        tracker.claim(id, &worker()).unwrap();
    }
    drop(tracker);
    let limited = [
        (
            Settings {
                in_flight_max: Some(2),
                ..Settings::default()
            },
            "total",
        ),
        (
            Settings {
                in_flight_per_source_max: Some(2),
                ..Settings::default()
            },
            "source node 1",
        ),
        (
            Settings {
                in_flight_per_destination_max: Some(2),
                ..Settings::default()
            },
            "destination node 2",
        ),
    ];
    for (settings, scope) in limited {
        let planter = Planter::open(&place.path());
        planter.put(table::SETTINGS, &SettingsKey::Current, &settings);
        drop(planter);
        let tracker = place.open();
        let violations = tracker.check().unwrap().violations;
        assert_eq!(violations.len(), 1, "{violations:#?}");
        assert_eq!(violations[0].invariant, "I9");
        assert_eq!(
            (violations[0].table, violations[0].key.as_str()),
            ("in_flight", scope)
        );
    }
}

#[test]
fn i10_a_log_that_does_not_tell_what_happened() {
    // A gap.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.pending, 0);
    faulty.delete(table::EVENTS, &seq);
    faulty.finds("I10", TableId::Events, &format!("event {}", seq.0 + 1));

    // A path that the machine does not know.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.complete, 1);
    faulty.change(table::EVENTS, seq, |event| {
        event.kind = EventKind::VerificationBegun
    });
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));

    // A path that ends elsewhere.
    let faulty = Faulty::new();
    let id = faulty.claimed;
    faulty.change(table::MIGRATIONS, id, |row| {
        row.state = State::Verifying {
            started_at_ms: TimestampMs(1),
            verifying_at_ms: TimestampMs(2),
        };
    });
    faulty.finds("I10", TableId::Migrations, &id.to_string());

    // A time before that of the event in front of it.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.failed, 2);
    faulty.change(table::EVENTS, seq, |event| event.at_ms = TimestampMs(1));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));

    // An event of another shard, of an epoch to come, of a migration that is not there.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.failed, 1);
    faulty.change(table::EVENTS, seq, |event| event.shard = Some(S));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));
    let faulty = Faulty::new();
    faulty.change(table::EVENTS, seq, |event| event.epoch = Epoch(8));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));
    let faulty = Faulty::new();
    let ghost = MigrationId(uuid::Uuid::from_u128(9));
    faulty.change(table::EVENTS, seq, |event| event.migration = Some(ghost));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));

    // What retention took does not excuse what comes after it.
    let faulty = Faulty::new();
    let pruned = Pruned {
        through: EventSeq(2),
        migrations: 1,
    };
    faulty.put(table::RETENTION, &RetentionKey::Pruned, &pruned);
    faulty.delete(table::EVENTS, &EventSeq(4));
    faulty.finds("I10", TableId::Events, "event 5");
}

/// I11: one bad row is named, and everything else goes on.
#[test]
fn i11_one_damaged_row_in_each_table() {
    let nobody = MigrationId(uuid::Uuid::from_u128(9));
    let keys: Vec<(TableId, Vec<u8>)> = vec![
        (TableId::Nodes, NodeId(1).to_bytes()),
        (TableId::Shards, ShardId(5).to_bytes()),
        (TableId::Migrations, nobody.to_bytes()),
        (TableId::ActiveShards, ShardId(1).to_bytes()),
        (TableId::Events, EventSeq(1).to_bytes()),
        (TableId::Cleanups, (B, ShardId(4)).to_bytes()),
        (TableId::LastMoves, ShardId(3).to_bytes()),
        (TableId::InFlight, SlotScope::Total.to_bytes()),
        (TableId::Requests, b"two".to_vec()),
        (TableId::Quarantine, ShardId(9).to_bytes()),
        (TableId::Pauses, vec![0]),
    ];
    for (table, key) in keys {
        let faulty = Faulty::new();
        faulty.planter().put_raw(table, &key, b"SF damaged row");
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        faulty.finds("I11", table, &hex);
        let tracker = faulty.place.open();
        assert_eq!(tracker.check().unwrap().bad_rows.len(), 1);
        tracker.snapshot().unwrap();
        tracker.unfinished().unwrap();
        let id = tracker.begin_migration(ShardId(500), B, C).unwrap();
        tracker.start_migration(id).unwrap();
        tracker.complete_migration(id).unwrap();
    }
    // A key that is none.
    let faulty = Faulty::new();
    faulty
        .planter()
        .put_raw(TableId::Shards, b"short", b"SF damaged row");
    faulty.finds("I11", TableId::Shards, "73686f7274");
}
