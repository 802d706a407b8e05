//! What becomes of a report that comes too late: it is refused, changes nothing, and the log tells of it.

use shardferry::machine::StepError;
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{FailureClass, PauseScope};
use shardferry::tracker::check::invariant_i4_stale_epoch_changes_nothing;
use shardferry::tracker::{Claim, Retried, TransitionError};
use shardferry::{Epoch, EventKind, Migration, MigrationId, MigrationTracker, Settings, Status};

use crate::claims::refusal;
use crate::support::{A, B, Place, S, blake3, clean, side, worker};

/// I4: whatever an attempt that is over reports, not a row changes.
#[test]
fn an_attempt_that_is_over_changes_nothing() {
    let place = Place::new();
    // The lease ends at once, so that the second claim takes the migration over.
    let tracker = place.create_with(&Settings {
        lease_ms: 1,
        ..Settings::default()
    });
    let id = tracker.begin_migration(S, A, B).unwrap();
    let stale = tracker.claim(id, &worker()).unwrap();
    stale
        .report(50, Some(60), Some(Checkpoint::new("half").unwrap()))
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(3));
    let current = tracker.claim(id, &worker()).unwrap();
    assert_eq!((stale.epoch(), current.epoch()), (Epoch(1), Epoch(2)));
    // Progress is that of the attempt; where to go on stays.
    let row = tracker.get_migration(id).unwrap().unwrap();
    assert_eq!(row.progress.bytes_migrated, 0);
    assert_eq!(row.checkpoint.unwrap().bytes_migrated, 50);

    for verifying in [false, true] {
        if verifying {
            current.begin_verification().unwrap();
            current.submit_evidence(blake3(), side(1), side(1)).unwrap();
        }
        let before = clean(&tracker);
        let class = FailureClass::Retriable;
        let answers = vec![
            refusal(stale.report(55, None, None)),
            refusal(stale.renew()),
            refusal(stale.fence()),
            refusal(stale.unfence()),
            refusal(stale.begin_verification()),
            refusal(stale.submit_evidence(blake3(), side(2), side(2))),
            refusal(stale.complete()),
            refusal(stale.fail_attempt(class, "late", true)),
            refusal(stale.release()),
        ];
        for error in answers {
            let fenced = StepError::Fenced {
                id,
                current: Epoch(2),
                got: Epoch(1),
            };
            assert_eq!(error, fenced);
        }
        let after = clean(&tracker);
        assert_eq!(
            invariant_i4_stale_epoch_changes_nothing(&before, &after),
            []
        );
    }
    assert_eq!(told_of(&tracker, id), [Epoch(1)], "of 18 late reports");
    current.complete().unwrap();
    clean(&tracker);
}

/// The stale epochs of which the log tells.
fn told_of(tracker: &MigrationTracker, id: MigrationId) -> Vec<Epoch> {
    let history = tracker.history(id).unwrap();
    let late = history.into_iter().filter_map(|event| match event.kind {
        EventKind::ReportFenced { got } => Some(got),
        _ => None,
    });
    late.collect()
}

type Call<'t> = fn(&Claim<'t>) -> Result<Migration, TransitionError>;

/// Everything that can be said through a claim.
fn every_call<'t>() -> [(&'static str, Call<'t>); 10] {
    [
        ("report", |claim| claim.report(55, None, None)),
        ("renew", Claim::renew),
        ("renew moving", Claim::renew_moving),
        ("fence", Claim::fence),
        ("unfence", Claim::unfence),
        ("begin verification", Claim::begin_verification),
        ("submit evidence", |claim| {
            claim.submit_evidence(blake3(), side(2), side(2))
        }),
        ("complete", Claim::complete),
        ("fail attempt", |claim| {
            claim.fail_attempt(FailureClass::Permanent, "late", true)
        }),
        ("release", Claim::release),
    ]
}

/// Each call alone, so that none of them is told of only because another was.
#[test]
fn the_log_tells_of_each_stale_epoch_once_whatever_it_reports() {
    for at in 0..every_call().len() {
        let (name, call) = every_call()[at];
        let place = Place::new();
        let tracker = place.create();
        let id = tracker.begin_migration(S, A, B).unwrap();
        let mut stale = Vec::new();
        for _ in 0..2 {
            let claim = tracker.claim(id, &worker()).unwrap();
            claim.release().unwrap();
            stale.push(claim);
        }
        let current = tracker.claim(id, &worker()).unwrap();
        let before = clean(&tracker);
        let late = |claim| {
            let fenced = refusal(call(claim));
            assert!(
                matches!(fenced, StepError::Fenced { .. }),
                "{name}: {fenced}"
            );
            told_of(&tracker, id)
        };
        assert_eq!(late(&stale[0]), [Epoch(1)], "{name}");
        assert_eq!(late(&stale[0]), [Epoch(1)], "{name}");
        assert_eq!(late(&stale[1]), [Epoch(1), Epoch(2)], "{name}");
        assert_eq!(late(&stale[1]), [Epoch(1), Epoch(2)], "{name}");
        assert_eq!(late(&stale[0]), [Epoch(1), Epoch(2)], "{name}");
        let after = clean(&tracker);
        let changed = invariant_i4_stale_epoch_changes_nothing(&before, &after);
        assert_eq!(changed, [], "{name}");
        current.report(1, None, None).unwrap();
    }
}

/// Late after a pause that another attempt outlived, after a cancellation, and after quarantine.
#[test]
fn a_report_that_is_late_after_an_operator_was_there() {
    let place = Place::new();
    let settings = Settings {
        attempts_max: 1,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let paused = tracker.claim(id, &worker()).unwrap();
    let scope = PauseScope::Migration(id);
    tracker.pause(scope, "to look at it").unwrap();
    let told = paused.report(1, None, None);
    assert!(matches!(told, Err(TransitionError::Paused { .. })));
    paused.release().unwrap();
    tracker.resume(scope, "seen").unwrap();
    let current = tracker.claim(id, &worker()).unwrap();
    assert!(matches!(
        refusal(paused.complete()),
        StepError::Fenced { .. }
    ));
    assert_eq!(told_of(&tracker, id), [Epoch(1)]);

    let ended = |answer| match refusal(answer) {
        StepError::Ended { status, .. } => status,
        other => panic!("{other}"),
    };
    // What ended has an end for everybody: that is no news for the log.
    let quarantined = current.fail_attempt(FailureClass::Retriable, "timeout", false);
    assert_eq!(quarantined.unwrap().status(), Status::Failed);
    let before = clean(&tracker);
    assert!(before.quarantine.contains_key(&S));
    assert_eq!(ended(current.report(2, None, None)), Status::Failed);
    assert_eq!(ended(paused.complete()), Status::Failed);
    assert_eq!(before, clean(&tracker));

    // Nor does a late report reach the migration that a retry began.
    tracker.settle_cleanup(B, S).unwrap();
    let Retried::Begun(again) = tracker.retry_migration(id, "mended").unwrap() else {
        panic!("it was over");
    };
    let before = clean(&tracker);
    assert_eq!(ended(current.complete()), Status::Failed);
    assert_eq!(before, clean(&tracker));

    let claim = tracker.claim(again, &worker()).unwrap();
    tracker.cancel_migration(again, "not wanted").unwrap();
    claim.release().unwrap();
    let before = clean(&tracker);
    assert_eq!(ended(claim.report(3, None, None)), Status::Cancelled);
    assert_eq!(ended(claim.complete()), Status::Cancelled);
    assert_eq!(before, clean(&tracker));
}
