//! What people know from the in-memory version holds, and its faults are gone: a test for each.

use std::sync::Barrier;

use shardferry::machine::StepError;
use shardferry::schema::v1::{FailureClass, State};
use shardferry::tracker::check::invariant_i3_terminal_rows_never_change;
use shardferry::tracker::{BeginError, ClaimError, TransitionError};
use shardferry::{MigrationId, MigrationTracker, ShardId, Status};

use crate::support::{A, B, C, Place, S, blake3, clean, side, worker};

#[test]
fn a_second_begin_is_refused_and_names_the_shard() {
    let place = Place::new();
    let tracker = place.create();
    let first = tracker.begin_migration(S, A, B).unwrap();
    let refused = tracker.begin_migration(S, A, C).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("shard 7"), "{text}");
    assert!(text.contains(&first.to_string()), "{text}");
    assert!(
        matches!(refused, BeginError::AlreadyMigrating { shard, migration }
            if shard == S && migration == first)
    );
    clean(&tracker);
}

#[test]
fn begin_progress_complete_and_the_shard_is_free() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    assert!(tracker.is_shard_migrating(S).unwrap());
    assert_eq!(status(&tracker, id), Status::Pending);
    tracker.update_progress(id, 50, 100).unwrap();
    assert_eq!(status(&tracker, id), Status::InProgress);
    tracker.update_progress(id, 100, 100).unwrap();
    tracker.complete_migration(id).unwrap();
    let done = tracker.get_migration(id).unwrap().unwrap();
    assert_eq!(done.status(), Status::Complete);
    assert_eq!(done.progress.bytes_migrated, 100);
    assert!(!tracker.is_shard_migrating(S).unwrap());
    let next = tracker.begin_migration(S, B, C).unwrap();
    assert_ne!(next, id);
    clean(&tracker);
}

#[test]
fn failed_keeps_its_reason_and_releases_the_shard() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.fail_migration(id, "network partition").unwrap();
    let failed = tracker.get_migration(id).unwrap().unwrap();
    let State::Failed { reason, class, .. } = &failed.state else {
        panic!("{:?}", failed.state);
    };
    assert_eq!(reason.as_str(), "network partition");
    assert_eq!(*class, FailureClass::Permanent);
    assert!(!tracker.is_shard_migrating(S).unwrap());
    tracker.begin_migration(S, A, B).unwrap();
    clean(&tracker);
}

#[test]
fn active_migrations_exclude_ended_ones() {
    let place = Place::new();
    let tracker = place.create();
    let ids: Vec<_> = (1..=4)
        .map(|shard| tracker.begin_migration(ShardId(shard), A, B).unwrap())
        .collect();
    tracker.start_migration(ids[0]).unwrap();
    tracker.complete_migration(ids[0]).unwrap();
    tracker.fail_migration(ids[1], "broken").unwrap();
    tracker.cancel_migration(ids[2], "not wanted").unwrap();
    let active = tracker.active_migrations().unwrap();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].id, ids[3]);
    clean(&tracker);
}

/// The fault: the check and the act were two steps, so two threads could both begin.
#[test]
fn of_many_threads_exactly_one_begins() {
    const THREADS: usize = 8;
    const ROUNDS: u64 = 40;
    let place = Place::new();
    let tracker = place.create();
    let barrier = Barrier::new(THREADS);
    let winners: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    (0..ROUNDS)
                        .filter(|round| {
                            barrier.wait();
                            match tracker.begin_migration(ShardId(*round), A, B) {
                                Ok(_) => true,
                                Err(BeginError::AlreadyMigrating { .. }) => false,
                                Err(other) => panic!("{other}"),
                            }
                        })
                        .count()
                })
            })
            .collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap());
        counts.collect()
    });
    assert_eq!(winners.iter().sum::<usize>() as u64, ROUNDS, "{winners:?}");
    let image = clean(&tracker);
    assert_eq!(image.active_shards.len() as u64, ROUNDS);
}

/// The same for the other end: of many threads that complete, fail and cancel one migration,
/// exactly one decides.
#[test]
fn of_many_threads_exactly_one_ends_it() {
    const ROUNDS: u64 = 25;
    let place = Place::new();
    let tracker = place.create();
    let barrier = Barrier::new(6);
    for round in 0..ROUNDS {
        let id = tracker.begin_migration(ShardId(round), A, B).unwrap();
        tracker.start_migration(id).unwrap();
        let ends = std::thread::scope(|scope| {
            let (tracker, barrier) = (&tracker, &barrier);
            let threads: Vec<_> = (0..6)
                .map(|thread| {
                    scope.spawn(move || {
                        barrier.wait();
                        match thread % 3 {
                            0 => tracker.complete_migration(id).is_ok(),
                            1 => tracker.fail_migration(id, "late").is_ok(),
                            _ => tracker.cancel_migration(id, "late").is_ok(),
                        }
                    })
                })
                .collect();
            let ends = threads.into_iter().map(|thread| thread.join().unwrap());
            ends.filter(|ended| *ended).count()
        });
        assert_eq!(ends, 1, "round {round}");
    }
    clean(&tracker);
}

/// The fault: a late `complete` turned Failed into Complete, and progress was accepted after the
/// end. Every operation on every end is refused, and no byte of any row changes.
#[test]
fn nothing_changes_after_an_end() {
    for end in [Status::Complete, Status::Failed, Status::Cancelled] {
        let place = Place::new();
        let tracker = place.create();
        let id = tracker.begin_migration(S, A, B).unwrap();
        let claim = tracker.claim(id, &worker()).unwrap();
        claim.report(5, Some(10), None).unwrap();
        match end {
            Status::Complete => claim.complete().map(drop).unwrap(),
            Status::Failed => claim
                .fail_attempt(FailureClass::Permanent, "broken", false)
                .map(drop)
                .unwrap(),
            _ => {
                tracker.cancel_migration(id, "not wanted").unwrap();
                claim.release().unwrap();
            }
        }
        assert_eq!(status(&tracker, id), end);
        let before = clean(&tracker);
        let late: Vec<(&str, Result<(), TransitionError>)> = vec![
            ("start", tracker.start_migration(id).map(drop)),
            ("progress", tracker.update_progress(id, 10, 10).map(drop)),
            ("verify", tracker.begin_verification(id).map(drop)),
            ("evidence", {
                let handed = tracker.submit_evidence(id, blake3(), side(1), side(1));
                handed.map(drop)
            }),
            ("complete", tracker.complete_migration(id).map(drop)),
            ("fail", tracker.fail_migration(id, "late").map(drop)),
            ("cancel", tracker.cancel_migration(id, "late").map(drop)),
            ("report", claim.report(10, None, None).map(drop)),
            ("renew", claim.renew().map(drop)),
            ("fence", claim.fence().map(drop)),
            ("unfence", claim.unfence().map(drop)),
            ("claim verify", claim.begin_verification().map(drop)),
            ("claim evidence", {
                claim.submit_evidence(blake3(), side(1), side(1)).map(drop)
            }),
            ("claim complete", claim.complete().map(drop)),
            ("fail attempt", {
                let class = FailureClass::Retriable;
                claim.fail_attempt(class, "late", true).map(drop)
            }),
            ("release", claim.release().map(drop)),
        ];
        for (what, answer) in late {
            assert!(
                matches!(&answer, Err(TransitionError::Refused(StepError::Ended { status, .. }))
                    if *status == end),
                "{what} on {end}: {answer:?}"
            );
        }
        let claimed = tracker.claim(id, &worker());
        assert!(matches!(
            claimed,
            Err(ClaimError::Refused(StepError::Ended { .. }))
        ));
        let after = clean(&tracker);
        assert_eq!(before, after);
        assert_eq!(invariant_i3_terminal_rows_never_change(&before, &after), []);
    }
}

/// The fault: from == to was accepted.
#[test]
fn a_shard_is_not_moved_to_where_it_is() {
    let place = Place::new();
    let tracker = place.create();
    let refused = tracker.begin_migration(S, A, A).unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, BeginError::SameNode(_)));
    assert!(
        text.contains("shard 7") && text.contains("node 1"),
        "{text}"
    );
    assert!(clean(&tracker).migrations.is_empty());
}

/// The fault: progress was accepted backwards and beyond the total.
#[test]
fn progress_neither_goes_back_nor_passes_the_total() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.update_progress(id, 50, 100).unwrap();
    let before = clean(&tracker);
    let refused = |answer: Result<_, TransitionError>| match answer {
        Err(TransitionError::Refused(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        refused(tracker.update_progress(id, 49, 100)),
        StepError::ProgressBackwards {
            recorded: 50,
            reported: 49,
            ..
        }
    ));
    assert!(matches!(
        refused(tracker.update_progress(id, 101, 100)),
        StepError::ProgressPastTotal {
            total: 100,
            reported: 101,
            ..
        }
    ));
    // The total that was given once counts until another is given.
    assert!(matches!(
        refused(tracker.update_progress(id, 101, None)),
        StepError::ProgressPastTotal { total: 100, .. }
    ));
    assert!(matches!(
        refused(tracker.update_progress(id, 50, 40)),
        StepError::ProgressPastTotal {
            total: 40,
            reported: 50,
            ..
        }
    ));
    assert_eq!(before, clean(&tracker));
    tracker.update_progress(id, 50, None).unwrap();
    tracker.update_progress(id, u64::MAX, u64::MAX).unwrap();
    clean(&tracker);
}

/// The fault: `Verifying` could never be entered.
#[test]
fn verifying_is_entered_and_left() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.begin_verification(id).unwrap();
    assert_eq!(status(&tracker, id), Status::Verifying);
    tracker
        .submit_evidence(id, blake3(), side(5), side(4))
        .unwrap();
    let refused = tracker.complete_migration(id).unwrap_err();
    assert!(matches!(
        refused,
        TransitionError::Refused(StepError::CopiesDiffer { .. })
    ));
    tracker
        .submit_evidence(id, blake3(), side(5), side(5))
        .unwrap();
    tracker.complete_migration(id).unwrap();
    assert_eq!(status(&tracker, id), Status::Complete);
    clean(&tracker);
}

fn status(tracker: &MigrationTracker, id: MigrationId) -> Status {
    tracker.get_migration(id).unwrap().unwrap().status()
}
