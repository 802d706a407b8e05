//! Attempts: who may work on a migration, and how many at once.

use shardferry::machine::StepError;
use shardferry::schema::key::SlotScope;
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{FailureClass, PauseScope};
use shardferry::tracker::{ClaimError, TransitionError};
use shardferry::{
    CancelOutcome, Epoch, MigrationId, MigrationTracker, NodeId, NodeState, Settings, ShardId,
    Status, TimestampMs, Verification,
};

use crate::support::{A, B, C, Place, S, blake3, clean, cluster, node, node_in, side, worker};

pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, TransitionError>) -> StepError {
    match answer {
        Err(TransitionError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_caller_keeps_out_while_an_executor_is_at_work() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let before = clean(&tracker);
    let answers = [
        refusal(tracker.start_migration(id)),
        refusal(tracker.update_progress(id, 1, 2)),
        refusal(tracker.begin_verification(id)),
        refusal(tracker.complete_migration(id)),
        refusal(tracker.fail_migration(id, "by hand")),
    ];
    assert!(
        answers
            .iter()
            .all(|error| matches!(error, StepError::Held { .. }))
    );
    let again = tracker.claim(id, &worker());
    assert!(matches!(
        again,
        Err(ClaimError::Refused(StepError::Held { .. }))
    ));
    assert_eq!(before, clean(&tracker));
    claim.release().unwrap();
    tracker.complete_migration(id).unwrap();
    clean(&tracker);
}

/// I9: in the first instant after a restart the claims of the dead process still count.
#[test]
fn limits_hold_right_after_a_restart() {
    let limits = [
        (
            Settings {
                in_flight_max: Some(2),
                ..Settings::default()
            },
            SlotScope::Total,
        ),
        (
            Settings {
                in_flight_per_source_max: Some(2),
                ..Settings::default()
            },
            SlotScope::Source(A),
        ),
        (
            Settings {
                in_flight_per_destination_max: Some(2),
                ..Settings::default()
            },
            SlotScope::Destination(B),
        ),
        (
            Settings {
                in_flight_per_pair_max: Some(2),
                ..Settings::default()
            },
            SlotScope::Pair(A, B),
        ),
    ];
    for (settings, limited) in limits {
        let place = Place::new();
        let tracker = place.create_with(&settings);
        let ids: Vec<_> = (1..=4)
            .map(|shard| tracker.begin_migration(ShardId(shard), A, B).unwrap())
            .collect();
        let elsewhere = tracker.begin_migration(ShardId(9), C, NodeId(4)).unwrap();
        tracker.claim(ids[0], &worker()).unwrap();
        tracker.claim(ids[1], &worker()).unwrap();
        let waits = |tracker: &MigrationTracker, id| match tracker.claim(id, &worker()) {
            Err(ClaimError::Limit {
                scope,
                in_flight: 2,
                limit: 2,
                ..
            }) => scope,
            other => panic!("{other:?}"),
        };
        assert_eq!(waits(&tracker, ids[2]), limited);
        drop(tracker);

        let tracker = place.open();
        assert_eq!(
            waits(&tracker, ids[2]),
            limited,
            "first thing after the restart"
        );
        clean(&tracker);
        // What the dead process held is taken over, without counting twice.
        let taken = tracker.claim(ids[0], &worker()).unwrap();
        assert_eq!(taken.epoch(), Epoch(2));
        assert_eq!(waits(&tracker, ids[2]), limited);
        let other = tracker.claim(elsewhere, &worker());
        assert_eq!(other.is_ok(), limited != SlotScope::Total);
        // A slot that is given back can be taken.
        taken.release().unwrap();
        tracker.claim(ids[2], &worker()).unwrap();
        assert_eq!(waits(&tracker, ids[0]), limited);
        clean(&tracker);
    }
}

/// I9: so do they for whoever claims what is next, and what was interrupted is next.
#[test]
fn what_is_next_right_after_a_restart() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        in_flight_per_pair_max: Some(2),
        ..Settings::default()
    });
    let ids: Vec<_> = (1..=4)
        .map(|shard| tracker.begin_migration(ShardId(shard), A, B).unwrap())
        .collect();
    let elsewhere = tracker.begin_migration(ShardId(9), C, B).unwrap();
    // Not the oldest ones.
    tracker.claim(ids[2], &worker()).unwrap();
    tracker.claim(ids[3], &worker()).unwrap();
    drop(tracker);

    let tracker = place.open();
    let next = || {
        let claim = tracker.claim_next(&worker()).unwrap()?;
        Some((claim.migration().id, claim.epoch()))
    };
    assert_eq!(next(), Some((ids[2], Epoch(2))));
    assert_eq!(next(), Some((ids[3], Epoch(2))));
    assert_eq!(next(), Some((elsewhere, Epoch(1))), "another pair");
    assert_eq!(next(), None, "two slots from A to B, and both are held");
    clean(&tracker);
}

/// The dead process held the only slot, of a migration that failed before and so stood behind another in
/// the line, and that is paused by now. The other was looked at first, and refused for want of the slot;
/// then the slot was freed, and the answer was that nothing can be claimed.
#[test]
fn a_slot_that_is_freed_is_given_to_whoever_waited_for_it() {
    let place = Place::new();
    let settings = Settings {
        in_flight_max: Some(1),
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let failed = tracker.begin_migration(ShardId(1), A, B).unwrap();
    let waits = tracker.begin_migration(ShardId(2), A, C).unwrap();
    let claim = tracker.claim(failed, &worker()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
    let class = FailureClass::Retriable;
    claim.fail_attempt(class, "timeout", false).unwrap();
    tracker.claim(failed, &worker()).unwrap();
    tracker
        .pause(PauseScope::Migration(failed), "to look at it")
        .unwrap();
    drop(tracker);

    let tracker = place.open();
    let next = tracker.claim_next(&worker()).unwrap();
    assert_eq!(next.map(|claim| claim.migration().id), Some(waits));
    clean(&tracker);
}

/// The process died while writes to the source were stopped, and an operator paused everything, as one does
/// when something broke. Nobody claimed the migration, so nobody let writes go on, until the pause ended.
#[test]
fn a_pause_keeps_no_writes_stopped() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let other = tracker.begin_migration(ShardId(8), A, B).unwrap();
    tracker.claim(id, &worker()).unwrap().fence().unwrap();
    drop(tracker);

    let tracker = place.open();
    let everything = PauseScope::Everything;
    tracker.pause(everything, "a disk broke").unwrap();
    let claim = tracker.claim_next(&worker()).unwrap().unwrap();
    assert_eq!(claim.migration().id, id);
    claim.unfence().unwrap();
    // From here on it is paused like any other.
    let told = claim.report(1, None, None);
    assert!(
        matches!(told, Err(TransitionError::Paused { .. })),
        "{told:?}"
    );
    claim.release().unwrap();
    for id in [id, other] {
        let refused = tracker.claim(id, &worker());
        assert!(
            matches!(refused, Err(ClaimError::Paused { .. })),
            "{refused:?}"
        );
    }
    assert!(tracker.claim_next(&worker()).unwrap().is_none());
    clean(&tracker);
}

#[test]
fn of_many_threads_no_more_than_the_limit_claim() {
    let place = Place::new();
    let tracker = place.create_with(&Settings {
        in_flight_max: Some(3),
        ..Settings::default()
    });
    let ids: Vec<MigrationId> = (0..24)
        .map(|shard| tracker.begin_migration(ShardId(shard), A, B).unwrap())
        .collect();
    let claimed = std::thread::scope(|scope| {
        let threads: Vec<_> = ids
            .chunks(3)
            .map(|ids| {
                let tracker = &tracker;
                scope.spawn(move || {
                    let claims = ids
                        .iter()
                        .filter(|id| tracker.claim(**id, &worker()).is_ok());
                    claims.count()
                })
            })
            .collect();
        let claims = threads.into_iter().map(|thread| thread.join().unwrap());
        claims.sum::<usize>()
    });
    assert_eq!(claimed, 3);
    clean(&tracker);
}

/// A limit that is lowered stops nobody; the next claim waits until enough have ended.
#[test]
fn a_lowered_limit_takes_nothing_away() {
    let place = Place::new();
    let tracker = place.create();
    let ids: Vec<_> = (1..=3)
        .map(|shard| tracker.begin_migration(ShardId(shard), A, B).unwrap())
        .collect();
    let first = tracker.claim(ids[0], &worker()).unwrap();
    let second = tracker.claim(ids[1], &worker()).unwrap();
    let lowered = Settings {
        in_flight_max: Some(1),
        ..Settings::default()
    };
    tracker.set_settings(&lowered).unwrap();
    clean(&tracker);
    first.report(1, None, None).unwrap();
    first.release().unwrap();
    assert!(matches!(
        tracker.claim(ids[2], &worker()),
        Err(ClaimError::Limit { .. })
    ));
    second.release().unwrap();
    tracker.claim(ids[2], &worker()).unwrap();
    clean(&tracker);
}

#[test]
fn the_claim_of_a_dead_session_is_taken_over_from_its_checkpoint() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let cursor = Checkpoint::new("file 12, offset 4096").unwrap();
    claim.report(40, Some(100), Some(cursor.clone())).unwrap();
    claim.fence().unwrap();
    drop(tracker);

    let tracker = place.open();
    let claim = tracker.claim(id, &worker()).unwrap();
    let row = claim.migration();
    assert_eq!(claim.epoch(), Epoch(2));
    assert_eq!(row.checkpoint.as_ref().unwrap().cursor, cursor);
    assert_eq!(row.progress.bytes_total, Some(100));
    assert!(row.fenced_at_ms.is_some(), "writes may still be stopped");
    assert_eq!(row.failed_attempts, 0, "a crash is not a failure");
    clean(&tracker);
}

#[test]
fn a_wish_to_cancel() {
    let place = Place::new();
    let tracker = place.create();
    // Nobody works on it: at once, and where nothing was copied nothing has to go.
    let id = tracker.begin_migration(S, A, B).unwrap();
    let outcome = tracker.cancel_migration(id, "not wanted").unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelled);
    assert!(tracker.cleanups().unwrap().is_empty());

    // Somebody does: it lets go at its next report.
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let outcome = tracker.cancel_migration(id, "not wanted").unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelling);
    let events = clean(&tracker).events.len();
    let outcome = tracker.cancel_migration(id, "really not").unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelling);
    assert_eq!(clean(&tracker).events.len(), events, "said once");
    assert!(matches!(
        refusal(claim.report(1, None, None)),
        StepError::Cancelling { .. }
    ));
    assert!(matches!(
        refusal(claim.complete()),
        StepError::Cancelling { .. }
    ));
    claim.unfence().unwrap();
    let ended = claim
        .fail_attempt(FailureClass::Retriable, "stopped", false)
        .unwrap();
    assert_eq!(ended.status(), Status::Cancelled);
    tracker.settle_cleanup(B, S).unwrap();

    // It died meanwhile: the wish is honoured without it.
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.claim(id, &worker()).unwrap();
    tracker.cancel_migration(id, "not wanted").unwrap();
    drop(tracker);
    let tracker = place.open();
    let outcome = tracker.cancel_migration(id, "not wanted").unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelled);
    assert!(!tracker.is_shard_migrating(S).unwrap());
    tracker.settle_cleanup(B, S).unwrap();

    // Or by whoever takes it over, as soon as that lets go.
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.claim(id, &worker()).unwrap();
    tracker.cancel_migration(id, "not wanted").unwrap();
    drop(tracker);
    let tracker = place.open();
    let claim = tracker.claim(id, &worker()).unwrap();
    assert!(matches!(
        claim.complete(),
        Err(TransitionError::Refused(StepError::Cancelling { .. }))
    ));
    assert_eq!(claim.release().unwrap().status(), Status::Cancelled);
    assert!(!tracker.is_shard_migrating(S).unwrap());

    // After the cutover there is nothing to call off.
    tracker.settle_cleanup(B, S).unwrap();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    let late = tracker.cancel_migration(id, "too late");
    assert!(matches!(
        late,
        Err(TransitionError::Refused(StepError::Ended {
            status: Status::Complete,
            ..
        }))
    ));
    clean(&tracker);
}

#[test]
fn failed_attempts_wait_longer_each_time_and_end() {
    let place = Place::new();
    let settings = Settings {
        attempts_max: 3,
        backoff_ms_min: 2,
        backoff_ms_max: 5,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let attempt = || loop {
        match tracker.claim(id, &worker()) {
            Ok(claim) => return claim,
            Err(ClaimError::Refused(StepError::BackingOff { .. })) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(other) => panic!("{other}"),
        }
    };
    let mut waits = Vec::new();
    for _ in 0..2 {
        let claim = attempt();
        let next = claim
            .fail_attempt(FailureClass::Retriable, "timeout", false)
            .unwrap();
        assert_eq!(next.status(), Status::InProgress);
        let failed_at = next.failures.last().unwrap().at_ms;
        waits.push(next.not_before_ms.ms_since(failed_at));
    }
    // Between half of the wait and all of it, which doubles.
    assert!(
        (1..=2).contains(&waits[0]) && (2..=4).contains(&waits[1]),
        "{waits:?}"
    );
    // An unknown outcome is never the last word, also when attempts are used up.
    for _ in 0..12 {
        let next = attempt()
            .fail_attempt(FailureClass::Unknown, "no answer", false)
            .unwrap();
        assert_eq!(next.status(), Status::InProgress);
        assert!(next.failures.len() <= 8);
    }
    let row = tracker.get_migration(id).unwrap().unwrap();
    assert_eq!(row.failed_attempts, 14);
    let next = attempt()
        .fail_attempt(FailureClass::Retriable, "timeout", false)
        .unwrap();
    assert_eq!(next.status(), Status::Failed);
    clean(&tracker);
}

#[test]
fn backing_off_survives_a_restart() {
    let place = Place::new();
    let settings = Settings {
        backoff_ms_min: 600_000,
        backoff_ms_max: 600_000,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    claim
        .fail_attempt(FailureClass::Retriable, "timeout", false)
        .unwrap();
    drop(tracker);
    let tracker = place.open();
    let Err(ClaimError::Refused(StepError::BackingOff {
        until_ms, now_ms, ..
    })) = tracker.claim(id, &worker())
    else {
        panic!("it was to wait");
    };
    // At least half of the wait, and the restart took none of it.
    assert!(until_ms > TimestampMs(now_ms.0 + 250_000));
}

#[test]
fn a_permanent_failure_is_the_last_word() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let ended = claim
        .fail_attempt(FailureClass::Permanent, "no such table", false)
        .unwrap();
    assert_eq!(ended.status(), Status::Failed);
    clean(&tracker);
}

#[test]
fn required_verification_is_of_the_current_attempt() {
    let place = Place::new();
    let settings = Settings {
        verification: Verification::Required,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    assert!(matches!(
        refusal(claim.complete()),
        StepError::NotVerified { latest: None, .. }
    ));
    claim.begin_verification().unwrap();
    assert!(matches!(
        refusal(claim.complete()),
        StepError::NotVerified { .. }
    ));
    claim.submit_evidence(blake3(), side(1), side(1)).unwrap();
    claim.release().unwrap();

    let claim = tracker.claim(id, &worker()).unwrap();
    claim.begin_verification().unwrap();
    let refused = refusal(claim.complete());
    assert!(matches!(
        refused,
        StepError::NotVerified {
            latest: Some(Epoch(1)),
            current: Epoch(2),
            ..
        }
    ));
    claim.submit_evidence(blake3(), side(1), side(2)).unwrap();
    assert!(matches!(
        refusal(claim.complete()),
        StepError::CopiesDiffer { .. }
    ));
    claim.submit_evidence(blake3(), side(2), side(2)).unwrap();
    claim.complete().unwrap();
    clean(&tracker);
}

#[test]
fn nobody_claims_what_cannot_be_reached() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 7);
    let id = tracker.begin_migration(S, A, B).unwrap();
    for down in [1, 2] {
        tracker.update_node(node_in(down, NodeState::Down)).unwrap();
        let claimed = tracker.claim(id, &worker());
        assert!(matches!(claimed, Err(ClaimError::NodeDown { node, .. }) if node.0 == down));
        tracker.update_node(node(down)).unwrap();
    }
    tracker.claim(id, &worker()).unwrap();
    let nobody = tracker.claim(MigrationId(uuid::Uuid::nil()), &worker());
    assert!(matches!(nobody, Err(ClaimError::NotFound { .. })));
    clean(&tracker);
}
