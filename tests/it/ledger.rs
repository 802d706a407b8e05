//! The cleanup ledger and the retention of history.

use shardferry::tracker::{BeginError, CleanupError};
use shardferry::{CleanupKind, EventSeq, MigrationId, MigrationTracker, Settings, ShardId};

use crate::support::{A, B, C, Place, S, clean, cluster, request, worker};

#[test]
fn what_a_migration_left_blocks_until_it_is_settled() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 7);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.fail_migration(id, "broken").unwrap();
    let left = tracker.cleanups().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].node, left[0].shard, left[0].migration), (B, S, id));
    assert_eq!(left[0].kind, CleanupKind::DiscardDestination);

    let blocked = |tracker: &MigrationTracker| {
        let refused = tracker.begin_migration(S, A, B).unwrap_err();
        let BeginError::CleanupOpen {
            node: B, migration, ..
        } = refused
        else {
            panic!("{refused}");
        };
        assert_eq!(migration, id);
    };
    blocked(&tracker);
    drop(tracker);
    let tracker = place.open();
    blocked(&tracker);
    // Another destination is free, and its cutover leaves the source.
    let other = tracker.begin_migration(S, A, C).unwrap();
    tracker.start_migration(other).unwrap();
    tracker.complete_migration(other).unwrap();
    let image = clean(&tracker);
    assert_eq!(image.cleanups[&(A, S)].kind, CleanupKind::ReleaseSource);
    assert_eq!(image.cleanups.len(), 2);
    assert!(matches!(
        tracker.begin_migration(S, C, A),
        Err(BeginError::CleanupOpen { node: A, .. })
    ));

    tracker.settle_cleanup(B, S).unwrap();
    tracker.settle_cleanup(A, S).unwrap();
    let again = tracker.settle_cleanup(A, S).unwrap_err();
    assert!(matches!(
        again,
        CleanupError::NotFound { node: A, shard: S }
    ));
    tracker.begin_migration(S, C, A).unwrap();
    clean(&tracker);
}

#[test]
fn the_source_is_kept_for_the_grace_period() {
    let place = Place::new();
    let settings = Settings {
        cleanup_grace_ms: 5_000,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    let cleanup = tracker.cleanups().unwrap().pop().unwrap();
    assert_eq!(cleanup.not_before_ms.ms_since(cleanup.created_at_ms), 5_000);
    assert!(
        !cleanup.activated,
        "nothing goes before the destination serves"
    );
}

fn move_one(tracker: &MigrationTracker, shard: u64) -> MigrationId {
    let shard = ShardId(shard);
    let name = format!("move {shard}");
    let id = tracker.begin(&request(shard, A, B, &name)).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    tracker.settle_cleanup(A, shard).unwrap();
    id
}

#[test]
fn history_is_bounded() {
    let place = Place::new();
    let settings = Settings {
        retention_count_max: Some(5),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let waits = tracker.begin_migration(ShardId(1000), A, B).unwrap();
    let ids: Vec<_> = (0..30).map(|shard| move_one(&tracker, shard)).collect();
    let image = clean(&tracker);
    assert_eq!(image.finished.len(), 5);
    assert_eq!(image.migrations.len(), 6);
    assert_eq!(image.requests.len(), 5);
    assert_eq!(image.pruned().migrations, 25);
    assert!(image.events.len() < 5 * 4 + 10, "{}", image.events.len());
    assert!(tracker.get_migration(ids[0]).unwrap().is_none());
    assert!(
        tracker.get_migration(waits).unwrap().is_some(),
        "what has not ended is kept"
    );
    assert_eq!(tracker.history(ids[29]).unwrap().len(), 4);

    // A request of a forgotten migration is a new one.
    let again = tracker.begin(&request(ShardId(0), B, C, "move 0")).unwrap();
    assert_ne!(again, ids[0]);
    clean(&tracker);
}

#[test]
fn a_lowered_limit_is_reached_in_bounded_steps() {
    let place = Place::new();
    let tracker = place.create();
    for shard in 0..20 {
        move_one(&tracker, shard);
    }
    let lowered = Settings {
        retention_count_max: Some(2),
        ..Settings::default()
    };
    tracker.set_settings(&lowered).unwrap();
    assert_eq!(clean(&tracker).finished.len(), 20);
    for shard in 20..40 {
        move_one(&tracker, shard);
        clean(&tracker);
    }
    assert_eq!(clean(&tracker).finished.len(), 2);
}

/// A migration with a long history is taken in pieces; meanwhile the file is clean.
#[test]
fn a_long_history_goes_in_pieces() {
    let place = Place::new();
    let settings = Settings {
        retention_count_max: Some(1),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let long = tracker.begin_migration(S, A, B).unwrap();
    for _ in 0..60 {
        tracker.claim(long, &worker()).unwrap().release().unwrap();
    }
    tracker.cancel_migration(long, "enough").unwrap();
    tracker.settle_cleanup(B, S).unwrap();
    let mut steps = 0;
    while tracker.get_migration(long).unwrap().is_some() {
        move_one(&tracker, 100 + steps);
        clean(&tracker);
        steps += 1;
        assert!(steps < 20);
    }
    assert!(steps >= 5, "{steps}");
    clean(&tracker);
}

/// The position of an event is never used again, also when there is no event left to count from.
#[test]
fn positions_go_on_when_every_event_was_pruned() {
    let place = Place::new();
    let settings = Settings {
        retention_count_max: Some(0),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let mut newest = EventSeq(0);
    for round in 0..5 {
        let id = tracker.begin_migration(S, A, B).unwrap();
        tracker.fail_migration(id, "broken").unwrap();
        let image = clean(&tracker);
        assert!(image.events.is_empty() && image.migrations.is_empty());
        assert!(image.pruned().through > newest, "round {round}");
        newest = image.pruned().through;
    }
    assert_eq!(newest, EventSeq(10));
    drop(tracker);
    let tracker = place.open();
    tracker.begin_migration(S, A, B).unwrap();
    let event = tracker.events(EventSeq(0), 10).unwrap().pop().unwrap();
    assert_eq!(event.seq, EventSeq(11));
    clean(&tracker);
}

#[test]
fn old_history_goes_by_age() {
    let place = Place::new();
    let settings = Settings {
        retention_count_max: None,
        retention_ms_max: Some(0),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let old = move_one(&tracker, 1);
    std::thread::sleep(std::time::Duration::from_millis(3));
    let new = move_one(&tracker, 2);
    assert!(tracker.get_migration(old).unwrap().is_none());
    assert!(tracker.get_migration(new).unwrap().is_some());
    clean(&tracker);
}

/// The ledger outlives the history: a copy that has to go is not forgotten with its migration.
#[test]
fn a_cleanup_outlives_its_migration() {
    let place = Place::new();
    let settings = Settings {
        retention_count_max: Some(0),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    assert!(tracker.get_migration(id).unwrap().is_none());
    assert_eq!(clean(&tracker).cleanups[&(A, S)].migration, id);
    tracker.settle_cleanup(A, S).unwrap();
    assert!(clean(&tracker).cleanups.is_empty());
}
