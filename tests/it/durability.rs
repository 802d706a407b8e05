//! A restart after each operation: everything is there, and nothing is decided anew.

use std::time::Duration;

use shardferry::schema::table;
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{Event, FailureClass};
use shardferry::tracker::check::{
    Acknowledged, invariant_i11_reopening_changes_nothing, invariant_i12_acknowledged_survives,
};
use shardferry::tracker::{BeginError, BeginPlanError, BeginRequest};
use shardferry::{
    EventSeq, MigrationTracker, NodeState, Settings, ShardId, Status, TimestampMs, Verification,
};

use crate::support::{
    A, B, C, Place, Planter, S, blake3, clean, cluster, node, node_in, request, shard, side, worker,
};

/// Closes and opens; the image is the same.
fn reopened(place: &Place, tracker: MigrationTracker) -> MigrationTracker {
    let before = clean(&tracker);
    drop(tracker);
    let tracker = place.open();
    let after = clean(&tracker);
    assert_eq!(invariant_i11_reopening_changes_nothing(&before, &after), []);
    tracker
}

#[test]
fn every_operation_survives_a_restart() {
    let place = Place::new();
    let mut tracker = cluster(&place, 3, 8);
    type Operation<'a> = (&'static str, Box<dyn Fn(&MigrationTracker) + 'a>);
    let of = |tracker: &MigrationTracker, shard| {
        let active = tracker.active_migration(ShardId(shard)).unwrap();
        active.unwrap().id
    };
    let operations: Vec<Operation<'_>> = vec![
        ("nothing", Box::new(|_| {})),
        (
            "begin",
            Box::new(|t| {
                for id in 1..=5 {
                    t.begin_migration(ShardId(id), A, B).unwrap();
                }
            }),
        ),
        (
            "start",
            Box::new(|t| drop(t.start_migration(of(t, 1)).unwrap())),
        ),
        (
            "progress",
            Box::new(|t| drop(t.update_progress(of(t, 1), 10, 20).unwrap())),
        ),
        (
            "checkpoint",
            Box::new(|t| {
                let cursor = Checkpoint::new("page 3").unwrap();
                t.save_checkpoint(of(t, 1), 12, None, cursor).unwrap();
            }),
        ),
        (
            "verify",
            Box::new(|t| drop(t.begin_verification(of(t, 1)).unwrap())),
        ),
        (
            "evidence",
            Box::new(|t| {
                t.submit_evidence(of(t, 1), blake3(), side(3), side(3))
                    .unwrap();
            }),
        ),
        (
            "complete",
            Box::new(|t| drop(t.complete_migration(of(t, 1)).unwrap())),
        ),
        (
            "settle",
            Box::new(|t| t.settle_cleanup(A, ShardId(1)).unwrap()),
        ),
        (
            "claim",
            Box::new(|t| drop(t.claim(of(t, 2), &worker()).unwrap())),
        ),
        (
            "claim again",
            Box::new(|t| {
                let claim = t.claim(of(t, 2), &worker()).unwrap();
                claim.fence().unwrap();
                claim.report(7, Some(9), None).unwrap();
            }),
        ),
        (
            "fail attempt",
            Box::new(|t| {
                let claim = t.claim(of(t, 2), &worker()).unwrap();
                let class = FailureClass::Retriable;
                claim.fail_attempt(class, "disk full", false).unwrap();
            }),
        ),
        (
            "fail",
            Box::new(|t| drop(t.fail_migration(of(t, 3), "broken").unwrap())),
        ),
        (
            "cancel",
            Box::new(|t| {
                t.cancel_migration(of(t, 4), "not wanted").unwrap();
            }),
        ),
        (
            "cancel wish",
            Box::new(|t| {
                t.claim(of(t, 5), &worker()).unwrap();
                t.cancel_migration(of(t, 5), "not wanted").unwrap();
            }),
        ),
        (
            "settings",
            Box::new(|t| {
                let settings = Settings {
                    attempts_max: 9,
                    ..Settings::default()
                };
                t.set_settings(&settings).unwrap();
            }),
        ),
        (
            "node",
            Box::new(|t| t.update_node(node_in(3, NodeState::Draining)).unwrap()),
        ),
        (
            "shard",
            Box::new(|t| t.register_shard(shard(99, A)).unwrap()),
        ),
        ("remove", Box::new(|t| t.remove_shard(ShardId(99)).unwrap())),
    ];
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    for (what, operation) in operations {
        operation(&tracker);
        eprintln!("restart after: {what}");
        tracker = reopened(&place, tracker);
        let image = tracker.image().unwrap();
        assert_eq!(
            invariant_i12_acknowledged_survives(&acknowledged, &image),
            []
        );
        acknowledged = image
            .migrations
            .values()
            .map(|row| Acknowledged {
                id: row.id,
                status: row.status(),
            })
            .collect();
    }
    assert_eq!(tracker.settings().unwrap().attempts_max, 9);
    assert_eq!(tracker.shard(ShardId(1)).unwrap().unwrap().owner, B);
    // Opening twice is opening once.
    let tracker = reopened(&place, tracker);
    reopened(&place, tracker);
}

#[test]
fn progress_reaches_the_disk_at_the_latest_with_the_next_transition() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.update_progress(id, 10, 20).unwrap();
    tracker.flush().unwrap();
    // A copy of the open file is what a crash would leave.
    let crashed = place.folder().join("crashed.redb");
    std::fs::copy(place.path(), &crashed).unwrap();
    let after = MigrationTracker::open(&crashed).unwrap();
    let seen = after.get_migration(id).unwrap().unwrap();
    assert_eq!(seen.progress.bytes_migrated, 10);
    clean(&after);

    let settings = Settings {
        progress_lag_ms_max: 0,
        ..Settings::default()
    };
    tracker.set_settings(&settings).unwrap();
    tracker.update_progress(id, 11, None).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    tracker.update_progress(id, 12, None).unwrap();
    let crashed = place.folder().join("crashed-again.redb");
    std::fs::copy(place.path(), &crashed).unwrap();
    let after = MigrationTracker::open(&crashed).unwrap();
    let seen = after.get_migration(id).unwrap().unwrap();
    assert_eq!(seen.progress.bytes_migrated, 12);
}

#[test]
fn unfinished_is_in_the_order_of_going_on() {
    let place = Place::new();
    let tracker = place.create();
    let begin = |shard, priority| {
        let request = BeginRequest {
            priority,
            ..BeginRequest::new(ShardId(shard), A, B)
        };
        tracker.begin(&request).unwrap()
    };
    let waits_low = begin(1, -1);
    let waits = begin(2, 0);
    let waits_high = begin(3, 5);
    let runs = begin(4, 0);
    let runs_high = begin(5, 3);
    let ended = begin(6, 9);
    let verifies = begin(7, 0);
    for id in [runs, runs_high, verifies, ended] {
        tracker.start_migration(id).unwrap();
    }
    tracker.begin_verification(verifies).unwrap();
    tracker.complete_migration(ended).unwrap();
    let order = [runs_high, runs, verifies, waits_high, waits, waits_low];
    let unfinished = |tracker: &MigrationTracker| -> Vec<_> {
        let rows = tracker.unfinished().unwrap();
        rows.iter().map(|row| row.id).collect()
    };
    assert_eq!(unfinished(&tracker), order);
    let tracker = reopened(&place, tracker);
    assert_eq!(unfinished(&tracker), order);
}

#[test]
fn settings_are_part_of_the_file() {
    let place = Place::new();
    let required = Settings {
        verification: Verification::Required,
        in_flight_max: Some(3),
        ..Settings::default()
    };
    let tracker = place.create_with(&required);
    assert_eq!(tracker.settings().unwrap(), required);
    let tracker = reopened(&place, tracker);
    assert_eq!(tracker.settings().unwrap(), required);

    let before = clean(&tracker);
    let nonsense = Settings {
        attempts_max: 0,
        ..required.clone()
    };
    tracker.set_settings(&nonsense).unwrap_err();
    assert_eq!(before, clean(&tracker));
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap_err();

    let other = Place::new();
    MigrationTracker::create_with(other.path(), &Default::default(), &nonsense).unwrap_err();
    assert_eq!(other.names(), Vec::<String>::new(), "nothing was created");
}

#[test]
fn a_request_made_twice_is_made_once() {
    let place = Place::new();
    let tracker = place.create();
    let first = request(S, A, B, "ticket 1");
    let id = tracker.begin(&first).unwrap();
    let before = clean(&tracker);
    assert_eq!(tracker.begin(&first).unwrap(), id);
    let tracker = reopened(&place, tracker);
    assert_eq!(tracker.begin(&first).unwrap(), id);
    assert_eq!(before, clean(&tracker));

    let other = request(S, A, C, "ticket 1");
    let refused = tracker.begin(&other).unwrap_err();
    let text = refused.to_string();
    let BeginError::RequestConflict {
        migration,
        shard,
        from,
        to,
        ..
    } = refused
    else {
        panic!("{text}");
    };
    assert_eq!((migration, shard, from, to), (id, S, A, B));
    assert_eq!(before, clean(&tracker));

    // Also after its end: asking again is not beginning again.
    tracker.fail_migration(id, "broken").unwrap();
    let tracker = reopened(&place, tracker);
    assert_eq!(tracker.begin(&first).unwrap(), id);
    assert!(!tracker.is_shard_migrating(S).unwrap());
    // Another key is another request.
    assert_ne!(tracker.begin(&request(S, A, B, "ticket 2")).unwrap(), id);
    clean(&tracker);
}

#[test]
fn a_plan_begins_whole_or_not_at_all() {
    let place = Place::new();
    let tracker = place.create();
    let plan: Vec<_> = (1..=50)
        .map(|id| request(ShardId(id), A, B, &format!("plan 1, move {id}")))
        .collect();
    let mut broken = plan.clone();
    broken.push(request(ShardId(50), A, B, "once too often"));
    let before = clean(&tracker);
    let refused = tracker.begin_plan(&broken).unwrap_err();
    assert!(matches!(
        refused,
        BeginPlanError::Move {
            at: 50,
            source: BeginError::AlreadyMigrating {
                shard: ShardId(50),
                ..
            },
        }
    ));
    assert_eq!(before, clean(&tracker));
    let ids = tracker.begin_plan(&plan).unwrap();
    let tracker = reopened(&place, tracker);
    assert_eq!(
        tracker.begin_plan(&plan).unwrap(),
        ids,
        "repeated, not begun again"
    );
    assert_eq!(clean(&tracker).active_shards.len(), 50);
}

#[test]
fn history_tells_what_happened_in_order() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.begin_migration(ShardId(8), A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    claim.fence().unwrap();
    claim.begin_verification().unwrap();
    claim.submit_evidence(blake3(), side(1), side(1)).unwrap();
    claim.complete().unwrap();
    tracker.settle_cleanup(A, S).unwrap();
    let history = tracker.history(id).unwrap();
    assert!(history.iter().all(|event| event.migration == Some(id)));
    let status = shardferry::machine::replay(&history[..6]).unwrap();
    assert_eq!(status, Some(Status::Complete));
    assert_eq!(history.len(), 7);
    let log = tracker.events(EventSeq(0), 100).unwrap();
    assert_eq!(log.len(), 8);
    let pages: Vec<_> = (0..8)
        .flat_map(|since| tracker.events(EventSeq(since), 1).unwrap())
        .collect();
    assert_eq!(log, pages);
    let tracker = reopened(&place, tracker);
    assert_eq!(tracker.history(id).unwrap(), history);
}

#[test]
fn snapshot_is_of_one_instant() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 3);
    let id = tracker.begin_migration(ShardId(1), A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    tracker.begin_migration(ShardId(2), A, B).unwrap();
    let snapshot = tracker.snapshot().unwrap();
    assert_eq!(snapshot.nodes, [node(1), node(2)]);
    assert_eq!(snapshot.shards.len(), 3);
    assert_eq!(snapshot.active.len(), 1);
    assert_eq!(snapshot.cleanups.len(), 1);
    assert_eq!(snapshot.last_moves.len(), 1);
    assert!(snapshot.bad_rows.is_empty());
}

/// The clock was set back by a year while nobody had the file open, or was a year ahead when the newest
/// event was written. Nothing runs backwards, and a lease of this process holds as long as it says.
#[test]
fn a_clock_that_was_set_back_ends_no_lease_and_makes_no_negative_time() {
    const YEAR_MS: u64 = 365 * 86_400_000;
    let place = Place::new();
    let tracker = cluster(&place, 2, 7);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let newest = clean(&tracker).events.into_values().next_back().unwrap();
    drop(tracker);
    let ahead = TimestampMs(newest.at_ms.0 + YEAR_MS);
    let event = Event {
        at_ms: ahead,
        ..newest.clone()
    };
    Planter::open(&place.path()).put(table::EVENTS, &newest.seq, &event);

    let tracker = place.open();
    assert!(tracker.now() >= ahead);
    let claim = tracker.claim(id, &worker()).unwrap();
    let attempt = claim.migration().attempt.clone().unwrap();
    assert!(attempt.claimed_at_ms >= ahead && attempt.lease_until_ms > tracker.now());
    let again = tracker.claim(id, &worker());
    assert!(again.is_err(), "the lease holds");
    claim.report(40, Some(100), None).unwrap();
    let now = claim.renew().unwrap();
    assert!(now.progress.updated_at_ms >= attempt.claimed_at_ms);
    let why = tracker.explain(id).unwrap().unwrap();
    assert!(why.since_ms <= why.at_ms);
    assert!(why.at_ms.ms_since(why.since_ms) < YEAR_MS / 2);
    // An event later than the present, read at it: no time has passed, rather than less than none.
    assert_eq!(newest.at_ms.ms_since(ahead), 0);
    clean(&tracker);
}
