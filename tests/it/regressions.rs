//! Bugs that were there once, each with its story.

use shardferry::schema::EventSeq;
use shardferry::schema::key::{Key as _, SettingsKey, SlotScope};
use shardferry::schema::table::TableId;
use shardferry::store::OpenError;
use shardferry::tracker::check::Violation;
use shardferry::tracker::{BeginError, ClaimError};
use shardferry::{CleanupKind, MigrationTracker, Settings, ShardId, Status};

use crate::support::{A, B, C, Place, Planter, S, clean, cluster, request, shard, worker};

/// Threads read the clock before they queue for the write transaction, so the log had events
/// whose time was before that of the event in front of them.
#[test]
fn times_in_the_log_do_not_go_back() {
    let place = Place::new();
    let tracker = place.create();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let tracker = &tracker;
            scope.spawn(move || {
                for round in 0..60 {
                    let shard = ShardId(thread * 1000 + round);
                    tracker.begin_migration(shard, A, B).unwrap();
                }
            });
        }
    });
    clean(&tracker);
}

/// The ledger was asked about the destination only. The copy that a cleanup removes could be the
/// very source that a new migration (of a shard that is not registered) was reading.
#[test]
fn no_migration_reads_from_a_copy_that_has_to_go() {
    let place = Place::new();
    let tracker = place.create();
    let first = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(first).unwrap();
    tracker.complete_migration(first).unwrap();

    let refused = tracker.begin_migration(S, A, C).unwrap_err();
    let BeginError::CleanupOpen {
        node,
        migration,
        kind,
        ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((node, migration), (A, first));
    assert_eq!(kind, CleanupKind::ReleaseSource);
    clean(&tracker);

    tracker.settle_cleanup(A, S).unwrap();
    tracker.begin_migration(S, A, C).unwrap();
    clean(&tracker);
}

/// A shard that was taken out of the registry and registered again elsewhere kept the last move
/// of its former life, which then contradicted its owner: the cooldown was that of another place.
#[test]
fn registering_a_shard_elsewhere_forgets_its_last_move() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 7);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    tracker.settle_cleanup(A, S).unwrap();
    tracker.remove_shard(S).unwrap();
    tracker.register_shard(shard(7, B)).unwrap();
    assert_eq!(clean(&tracker).last_moves.len(), 1, "it is where it went");

    tracker.remove_shard(S).unwrap();
    tracker.register_shard(shard(7, C)).unwrap();
    assert_eq!(clean(&tracker).last_moves.len(), 0);
}

/// Retention read the whole record of the oldest ended migration to find its request key. When
/// that row was damaged, no migration could end any more.
#[test]
fn a_damaged_row_of_an_old_migration_stops_nobody() {
    let place = Place::new();
    let settings = Settings {
        retention_count_max: Some(1),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let old = tracker.begin(&request(S, A, B, "old")).unwrap();
    tracker.fail_migration(old, "it broke").unwrap();
    drop(tracker);
    let planter = Planter::open(&place.path());
    let mut value = planter.get_raw(TableId::Migrations, &old.to_bytes());
    *value.last_mut().unwrap() ^= 1;
    planter.put_raw(TableId::Migrations, &old.to_bytes(), &value);
    drop(planter);

    let tracker = place.open();
    for shard in 10..13 {
        let id = tracker.begin_migration(ShardId(shard), A, B).unwrap();
        tracker.fail_migration(id, "it broke too").unwrap();
    }
    let report = tracker.check().unwrap();
    assert_eq!(report.bad_rows.len(), 1, "the row is still there, named");
}

/// The counts of what executors drive follow from the migrations. One damaged count stopped every
/// claim, and kept whoever held one from completing.
#[test]
fn a_damaged_count_is_counted_again() {
    let place = Place::new();
    let settings = Settings {
        in_flight_max: Some(3),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let ids: Vec<_> = (1..=4)
        .map(|shard| tracker.begin_migration(ShardId(shard), A, B).unwrap())
        .collect();
    tracker.claim(ids[0], &worker()).unwrap();
    tracker.claim(ids[1], &worker()).unwrap();
    drop(tracker);
    let planter = Planter::open(&place.path());
    for scope in [SlotScope::Total, SlotScope::Source(A)] {
        planter.put_raw(TableId::InFlight, &scope.to_bytes(), b"SF damaged row");
    }
    drop(planter);

    let tracker = place.open();
    let claim = tracker.claim(ids[2], &worker()).unwrap();
    clean(&tracker);
    let fourth = tracker.claim(ids[3], &worker());
    assert!(matches!(
        fourth,
        Err(ClaimError::Limit { in_flight: 3, .. })
    ));
    claim.complete().unwrap();
    clean(&tracker);
}

/// A dead executor held the only slot, of a migration that cannot be claimed as the row of its node is
/// damaged. The slot was kept for it, and everybody else waited until somebody repaired the row.
#[test]
fn a_damaged_row_keeps_no_slot_from_others() {
    let place = Place::new();
    let settings = Settings {
        in_flight_max: Some(1),
        ..Settings::default()
    };
    let tracker = cluster(&place, 3, 2);
    tracker.set_settings(&settings).unwrap();
    let held = tracker.begin_migration(ShardId(1), A, C).unwrap();
    let waits = tracker.begin_migration(ShardId(2), A, B).unwrap();
    tracker.claim(held, &worker()).unwrap();
    drop(tracker);
    let planter = Planter::open(&place.path());
    planter.put_raw(TableId::Nodes, &C.to_bytes(), b"SF damaged row");
    drop(planter);

    let tracker = place.open();
    let next = tracker.claim_next(&worker()).unwrap();
    assert_eq!(next.map(|claim| claim.migration().id), Some(waits));
    // Nor does it take the slot back.
    assert!(tracker.claim(held, &worker()).is_err());
    let report = tracker.check().unwrap();
    assert_eq!(report.bad_rows.len(), 1, "{:#?}", report.violations);
}

/// A drain begins what it plans in one transaction. A damaged row about one of the shards failed all of it,
/// each time: nothing left the node.
#[test]
fn a_damaged_row_keeps_no_other_shard_on_a_draining_node() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 3);
    tracker.drain(A, "old").unwrap();
    drop(tracker);
    let planter = Planter::open(&place.path());
    let key = ShardId(2).to_bytes();
    planter.put_raw(TableId::Quarantine, &key, b"SF damaged row");
    drop(planter);

    let tracker = place.open();
    let draining = tracker.continue_draining().unwrap().remove(&A).unwrap();
    let leaving = tracker.unfinished().unwrap();
    let leaving: Vec<_> = leaving.iter().map(|one| one.shard.0).collect();
    assert_eq!(leaving, [1, 3], "{draining:?}");
    let [(shard, why)] = draining.blocked.as_slice() else {
        panic!("{draining:?}");
    };
    assert_eq!(*shard, ShardId(2));
    assert!(why.contains("quarantine"), "{why}");
}

/// The first progress report starts a migration and logs it, but was committed without waiting for
/// the disk: a follower of the log could see an event whose position a crash gave to another one.
#[test]
fn what_the_log_says_is_on_the_disk() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.update_progress(id, 1, 10).unwrap();
    let seen = tracker.events(EventSeq(0), 10).unwrap();

    // What a crash leaves now: the file as it is, without what is only in memory.
    let crashed = place.folder().join("crashed.redb");
    std::fs::copy(place.path(), &crashed).unwrap();
    let after = MigrationTracker::open(&crashed).unwrap();
    assert_eq!(after.events(EventSeq(0), 10).unwrap(), seen);
    assert_eq!(
        after.get_migration(id).unwrap().unwrap().status(),
        Status::InProgress
    );
}

/// The settings were needed to open the file, so a damaged row of them closed it to `check` too.
#[test]
fn damaged_settings_do_not_keep_the_file_closed() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    drop(tracker);
    let key = SettingsKey::Current.to_bytes();
    Planter::open(&place.path()).put_raw(TableId::Settings, &key, b"no settings");

    let tracker = place.open();
    assert!(tracker.get_migration(id).unwrap().is_some());
    assert!(tracker.start_migration(id).is_err());
    let report = tracker.check().unwrap();
    let named = |violation: &Violation| violation.table == TableId::Settings.name();
    assert!(report.violations.iter().any(named), "{report:?}");
    tracker.set_settings(&Settings::default()).unwrap();
    tracker.start_migration(id).unwrap();
    clean(&tracker);
}

/// A durable commit cleared the mark of a lazy one that came right after it, and `flush` had
/// nothing to do.
#[test]
fn what_was_flushed_is_on_the_disk() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.update_progress(id, 0, 1_000_000).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut shard = 1_000;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                shard += 1;
                tracker.begin_migration(ShardId(shard), A, B).unwrap();
            }
        });
        for bytes in 1..60 {
            tracker.update_progress(id, bytes, None).unwrap();
            tracker.flush().unwrap();
            let crashed = place.folder().join("crashed.redb");
            std::fs::copy(place.path(), &crashed).unwrap();
            // Copied while it is written to, it may be torn; then it says nothing.
            let Ok(after) = MigrationTracker::open(&crashed) else {
                continue;
            };
            let Ok(Some(now)) = after.get_migration(id) else {
                continue;
            };
            if now.progress.bytes_migrated < bytes {
                done.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("flushed {bytes}, on disk {}", now.progress.bytes_migrated);
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// `progress_lag_ms_max` 0 was read as "when the disk is behind for 0 ms already": the first report
/// after a durable commit did not wait for the disk, and a kill lost it. Fuzzing found it.
#[test]
fn without_a_lag_no_report_is_behind_the_disk() {
    let place = Place::new();
    let settings = Settings {
        progress_lag_ms_max: 0,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.update_progress(id, 7, None).unwrap();

    // What a kill would leave.
    let killed = Place::new();
    std::fs::copy(place.path(), killed.path()).unwrap();
    let migration = killed.open().get_migration(id).unwrap().unwrap();
    assert_eq!(migration.progress.bytes_migrated, 7);
}

/// redb's header says how many pages a region has, and no checksum covers that: a damaged number
/// made redb allocate gigabytes, which ended the process, or look for pages outside the file.
/// A root could be a page of 4 GiB, and a number of the last transaction with no next one overflowed.
/// Fuzzing found all three.
#[test]
fn a_damaged_geometry_or_transaction_number_is_refused() {
    let place = Place::new();
    drop(place.create());
    let good = std::fs::read(place.path()).unwrap();
    let number = u64::MAX.to_le_bytes();
    let one_less = (u64::MAX - 1).to_le_bytes();
    let half = (1_u64 << 63).to_le_bytes();
    for (at, bytes) in [
        (12, &[1][..]),
        (16, &[2]),
        (20, &[1]),
        (79, &[20 << 3]),
        (168, &number),
        (296, &number),
        (168, &one_less),
        (296, &half),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(place.path(), &bad).unwrap();
        let refused = MigrationTracker::open(place.path()).unwrap_err();
        assert!(
            matches!(refused, OpenError::Damaged { .. }),
            "{at}: {refused:?}"
        );
        assert_eq!(std::fs::read(place.path()).unwrap(), bad, "{at}");
    }
}
