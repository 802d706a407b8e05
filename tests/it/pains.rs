//! What users report of other systems that move shards: each pain by name, and that it is none here.
//! docs/RELIABILITY.md has the table.

use std::time::Duration;

use shardferry::machine::StepError;
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{FailureClass, PauseScope};
use shardferry::store::OpenOptions;
use shardferry::testkit::{Sampling, SimDisk};
use shardferry::tracker::check::invariant_i11_reopening_changes_nothing;
use shardferry::tracker::{BeginError, ClaimError, TransitionError, left_ms};
use shardferry::{CancelOutcome, EventKind, NodeState, Settings, ShardId, Status};

use crate::support::{A, B, C, Place, S, clean, cluster, node, node_in, shard, worker};

/// The coordinator is restarted, and nobody knows any more what was on its way, how far it was, what was
/// paused, and which shard had failed five times. Here the next process goes on where this one was.
#[test]
fn state_lost_at_restart() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        attempts_max: 1,
        ..Settings::default()
    });
    let half = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(half, &worker()).unwrap();
    let cursor = Checkpoint::new("file 12, offset 4096").unwrap();
    claim.report(40, Some(100), Some(cursor.clone())).unwrap();
    let broken = tracker.begin_migration(ShardId(8), A, B).unwrap();
    let claim = tracker.claim(broken, &worker()).unwrap();
    let class = FailureClass::Retriable;
    claim
        .fail_attempt(class, "connection reset", false)
        .unwrap();
    tracker.pause(PauseScope::Node(C), "its disk").unwrap();
    let before = clean(&tracker);
    drop(tracker);

    let tracker = place.open();
    let changed = invariant_i11_reopening_changes_nothing(&before, &clean(&tracker));
    assert_eq!(changed, []);
    let (aside, why) = tracker.quarantined().unwrap().remove(0);
    assert_eq!(aside, ShardId(8));
    assert_eq!(why.failures[0].reason.as_str(), "connection reset");
    let goes_on = tracker.claim_next(&worker()).unwrap().unwrap();
    let checkpoint = goes_on.migration().checkpoint.as_ref().unwrap();
    assert_eq!(
        (goes_on.migration().id, &checkpoint.cursor),
        (half, &cursor)
    );
}

/// A worker hangs, is taken for dead and replaced; then it wakes up and reports that it is done, and its half
/// copy becomes the shard. Here its epoch is over: whatever it says is refused, and the log tells of it.
#[test]
fn stale_actor() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        lease_ms: 1,
        ..Settings::default()
    });
    let id = tracker.begin_migration(S, A, B).unwrap();
    let hung = tracker.claim(id, &worker()).unwrap();
    std::thread::sleep(Duration::from_millis(3));
    let replaced = tracker.claim(id, &worker()).unwrap();
    let late = hung.complete();
    assert!(matches!(
        late,
        Err(TransitionError::Refused(StepError::Fenced { current, got, .. }))
            if current == replaced.epoch() && got == hung.epoch()
    ));
    let kinds = tracker
        .history(id)
        .unwrap()
        .into_iter()
        .map(|event| event.kind);
    let late: Vec<_> = kinds
        .filter(|kind| matches!(kind, EventKind::ReportFenced { .. }))
        .collect();
    assert_eq!(late, [EventKind::ReportFenced { got: hung.epoch() }]);
    replaced.complete().unwrap();
    clean(&tracker);
}

/// A migration that hangs can only be waited for, or the operator edits the metadata by hand. Here a wish to
/// cancel is written down and answered truthfully: done, at the next report, or too late, and then how to go
/// back.
#[test]
fn cancel_impossible() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let outcome = tracker.cancel_migration(id, "not wanted").unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelled);

    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let outcome = tracker.cancel_migration(id, "not wanted").unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelling);
    assert!(claim.report(1, None, None).is_err(), "it is told to stop");
    drop(tracker);
    // It never let go: the next process finds the wish.
    let tracker = place.open();
    let claim = tracker.claim_next(&worker()).unwrap().unwrap();
    assert_eq!(claim.release().unwrap().status(), Status::Cancelled);
    tracker.settle_cleanup(B, S).unwrap();

    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    let late = tracker.cancel_migration(id, "not wanted");
    assert!(matches!(
        late,
        Err(TransitionError::Refused(StepError::Ended {
            status: Status::Complete,
            ..
        }))
    ));
    tracker.settle_cleanup(A, S).unwrap();
    let back = tracker.reverse_migration(id, "not wanted").unwrap();
    let back = tracker.get_migration(back).unwrap().unwrap();
    assert_eq!((back.from, back.to), (B, A));
    clean(&tracker);
}

/// The owner is changed in one place and the migration marked done in another, and the power fails between
/// the two. Here the cutover is one transaction: whatever is left of it on the disk, it is all of it or none.
#[test]
fn crash_between_two_writes() {
    let (disk, options) = (SimDisk::new(), OpenOptions::default());
    let tracker = disk.create(&options, &Settings::default()).unwrap();
    for id in 1..=2 {
        tracker.register_node(node(id)).unwrap();
    }
    tracker.register_shard(shard(S.0, A)).unwrap();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    drop(tracker);

    let disk = SimDisk::with_file(&disk.bytes().unwrap());
    let tracker = disk.open(&options).unwrap();
    tracker.complete_migration(id).unwrap();
    let sampling = Sampling {
        exhaustive_max: 4,
        samples: 8,
        seed: 1,
    };
    let (mut before, mut after) = (0, 0);
    for point in disk.crash_points() {
        for left in point.images(&sampling) {
            let image = clean(&left.disk().open(&options).unwrap());
            let (status, owner) = (image.migrations[&id].status(), image.shards[&S].owner);
            let left_behind = image.cleanups.contains_key(&(A, S));
            let under_way = image.active_shards.contains_key(&S);
            match status {
                Status::Complete => {
                    assert_eq!((owner, left_behind, under_way), (B, true, false));
                    after += 1;
                }
                _ => {
                    assert_eq!((owner, left_behind, under_way), (A, false, true));
                    before += 1;
                }
            }
        }
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}

/// A failed move leaves half a copy on its destination. Years later a move onto that node fails with an
/// obscure error, or worse, finds the old data. Here the copy is in a ledger: the refusal names it, and it is
/// removed, or given up when its node burnt down.
#[test]
fn orphans_that_block_later_work() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 7);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.fail_migration(id, "connection reset").unwrap();
    let refused = tracker.begin_migration(S, A, B).unwrap_err();
    assert!(matches!(
        refused,
        BeginError::CleanupOpen { node: B, migration, .. } if migration == id
    ));
    assert!(refused.to_string().contains("settle that cleanup first"));
    // Elsewhere nobody waits for it.
    let elsewhere = tracker.begin_migration(S, A, C).unwrap();
    tracker.cancel_migration(elsewhere, "an example").unwrap();

    tracker.update_node(node_in(2, NodeState::Down)).unwrap();
    let given_up = tracker.forgive_node(B, "it burnt down").unwrap();
    assert_eq!(given_up.len(), 1);
    tracker.update_node(node(2)).unwrap();
    tracker.begin_migration(S, A, B).unwrap();
    clean(&tracker);
}

/// A migration stands still, and the only way to learn why is to read the source of the coordinator. Here
/// each thing that it waits for is named, with what to do about it.
#[test]
fn stuck_without_a_reason() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        in_flight_per_pair_max: Some(1),
        ..Settings::default()
    });
    let first = tracker.begin_migration(ShardId(1), A, B).unwrap();
    let second = tracker.begin_migration(ShardId(2), A, B).unwrap();
    let reasons = |id| {
        let explained = tracker.explain(id).unwrap().unwrap();
        let names = explained.obstacles.iter().map(|obstacle| match obstacle {
            ClaimError::Limit { .. } => "limit",
            ClaimError::Paused { .. } => "paused",
            ClaimError::Refused(StepError::Held { .. }) => "held",
            ClaimError::Refused(StepError::BackingOff { .. }) => "waits",
            other => panic!("{other}"),
        });
        names.collect::<Vec<_>>()
    };
    assert!(reasons(second).is_empty(), "it is its turn");
    let claim = tracker.claim(first, &worker()).unwrap();
    assert_eq!(
        (reasons(first), reasons(second)),
        (vec!["held"], vec!["limit"])
    );
    tracker.pause(PauseScope::Node(B), "its disk").unwrap();
    assert_eq!(reasons(second), ["paused", "limit"], "all of them at once");
    let class = FailureClass::Retriable;
    claim
        .fail_attempt(class, "connection reset", false)
        .unwrap();
    assert_eq!(
        (reasons(first), reasons(second)),
        (vec!["waits", "paused"], vec!["paused"])
    );
    let why = tracker.explain(second).unwrap().unwrap();
    assert!(why.obstacles[0].to_string().contains("its disk"));
}

/// The first in the queue fails and is tried again, and again, and everything behind it waits. Here what
/// failed goes to the end of the line, and what waits is passed over.
#[test]
fn head_of_line_blocking() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        in_flight_max: Some(1),
        ..Settings::default()
    });
    let first = tracker.begin_migration(ShardId(0), A, B).unwrap();
    for id in 1..=9 {
        tracker.begin_migration(ShardId(id), A, B).unwrap();
    }
    let (mut failed, mut done) = (0, 0);
    while done < 9 {
        let claim = tracker.claim_next(&worker()).unwrap().unwrap();
        if claim.migration().id == first {
            std::thread::sleep(Duration::from_millis(2));
            claim
                .fail_attempt(FailureClass::Unknown, "no answer", false)
                .unwrap();
            failed += 1;
        } else {
            claim.complete().unwrap();
            done += 1;
        }
    }
    assert_eq!(failed, 1, "it was tried, and then the others went first");
}

/// Somebody asks when it will be done, and nobody can say; or a progress bar starts at zero again after a
/// restart. Here the rate is measured and written down, and as long as nothing is known nothing is made up.
#[test]
fn no_eta() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        progress_lag_ms_max: 0,
        ..Settings::default()
    });
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let row = claim.report(1_000, Some(100_000), None).unwrap();
    assert_eq!(left_ms(&row), None, "nothing was measured yet");
    std::thread::sleep(Duration::from_millis(260));
    let row = claim.report(20_000, None, None).unwrap();
    let left = left_ms(&row).unwrap();
    assert!((100..60_000).contains(&left), "{left} ms");
    drop(tracker);
    let tracker = place.open();
    let row = tracker.get_migration(id).unwrap().unwrap();
    assert_eq!(left_ms(&row), Some(left));
}

/// Every migration that ever was is kept, until listing them takes minutes and the metadata store is full.
/// Here the oldest ended ones go with their events, a few at a time; what is unfinished never does.
#[test]
fn history_growth() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        retention_count_max: Some(3),
        ..Settings::default()
    });
    let unfinished = tracker.begin_migration(ShardId(1_000), A, B).unwrap();
    let mut most_events = 0;
    for id in 0..60 {
        let id = tracker.begin_migration(ShardId(id), A, B).unwrap();
        tracker.fail_migration(id, "an example").unwrap();
        most_events = most_events.max(tracker.image().unwrap().events.len());
    }
    let image = clean(&tracker);
    assert_eq!(image.migrations.len(), 3 + 1);
    assert!(image.migrations.contains_key(&unfinished));
    assert!(most_events < 20, "{most_events} events at once");
}
