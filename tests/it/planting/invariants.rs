//! I1, I3 to I9 and I14: a fault for each.

use shardferry::schema::key::SettingsKey;
use shardferry::schema::table::{self, TableId};
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{
    Migration, Pause, PauseScope, Placement, Quarantined, SavedCheckpoint,
};
use shardferry::store::StoreError;
use shardferry::tracker::ClaimError;
use shardferry::{Epoch, MigrationId, Settings, ShardId, TimestampMs};

use super::faulty::Faulty;
use crate::support::{A, B, C, Place, Planter, worker};

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

/// The next claim would have had the same epoch, and its report would have passed for this one's.
#[test]
fn i4_an_epoch_without_a_next() {
    for epoch in [1 << 63, u64::MAX].map(Epoch) {
        let faulty = Faulty::new();
        let id = faulty.claimed;
        faulty.change(table::MIGRATIONS, id, |row| {
            row.epoch = epoch;
            row.attempt.as_mut().unwrap().epoch = epoch;
        });
        faulty.finds("I4", TableId::Migrations, &id.to_string());
        let tracker = faulty.place.open();
        let before = tracker.image().unwrap();
        let refused = tracker.claim(id, &worker()).unwrap_err();
        let is_typed = matches!(refused, ClaimError::Store(StoreError::Inconsistent { .. }));
        assert!(is_typed, "{refused}");
        assert_eq!(tracker.image().unwrap(), before);
    }
}

/// What the record says of late reports is what the log says.
#[test]
fn i4_a_late_report_of_which_the_log_does_not_tell() {
    let faulty = Faulty::new();
    let id = faulty.claimed;
    let changed = faulty.change(table::MIGRATIONS, id, |row| row.refused_epoch = Epoch(1));
    let found = changed.finds("I4", TableId::Migrations, &id.to_string());
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].rule.contains("epoch 1 was refused last"),
        "{found:#?}"
    );

    // Of an epoch that is yet to come it cannot be.
    let mut row = faulty.read(table::MIGRATIONS, &id);
    row.refused_epoch = Epoch(2);
    assert!(table::MIGRATIONS.encode(&id, &row).is_err());
}

/// The record that remembers it is lost: the log would tell of the same epoch again.
#[test]
fn i4_a_late_report_that_the_record_forgot() {
    let faulty = Faulty::new();
    let id = faulty.claimed;
    let tracker = faulty.place.open();
    let first = tracker.claim(id, &worker()).unwrap();
    first.release().unwrap();
    let second = tracker.claim(id, &worker()).unwrap();
    let late = first.report(50, None, None);
    assert!(late.is_err());
    drop((first, second));
    drop(tracker);
    assert_eq!(faulty.read(table::MIGRATIONS, &id).refused_epoch, Epoch(2));
    let changed = faulty.change(table::MIGRATIONS, id, |row| row.refused_epoch = Epoch(0));
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
        (
            Settings {
                in_flight_per_pair_max: Some(2),
                ..Settings::default()
            },
            "from node 1 to node 2",
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
fn i14_a_shard_that_is_set_aside_and_moves() {
    let faulty = Faulty::new();
    let aside = Quarantined {
        at_ms: TimestampMs(1),
        migration: faulty.failed,
        failures: Vec::new(),
    };
    let put = faulty.put(table::QUARANTINE, &ShardId(1), &aside);
    let found = put.finds("I14", TableId::Quarantine, "shard 1");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].rule.contains(&faulty.claimed.to_string()));
}

#[test]
fn i14_a_pause_that_outlived_its_migration() {
    let faulty = Faulty::new();
    let pause = Pause {
        at_ms: TimestampMs(1),
        reason: "to look at it".into(),
    };
    for of in [|it: &Faulty| it.failed, |it: &Faulty| it.complete] {
        let faulty = Faulty::new();
        let id = of(&faulty);
        let scope = PauseScope::Migration(id);
        let put = faulty.put(table::PAUSES, &scope, &pause);
        let found = put.finds("I14", TableId::Pauses, &id.to_string());
        assert_eq!(found.len(), 1, "{found:#?}");
    }
    // Of one that is under way it is none.
    faulty.put(
        table::PAUSES,
        &PauseScope::Migration(faulty.pending),
        &pause,
    );
    crate::support::clean(&faulty.place.open());
}
