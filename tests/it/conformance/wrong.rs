//! The suite can fail: each wrong mover is caught, by the case that is meant to.

use shardferry::testkit::mover::{Failure, conformance};

use super::options;
use super::toy::{Toy, Wrong};

fn failure(wrong: Wrong) -> Failure {
    conformance(move || Ok(Toy::new(wrong)), &options())
        .map(|report| report.to_string())
        .expect_err("it is wrong")
}

/// Each with the beginning of the case that catches it.
#[test]
fn wrong_movers_are_caught() {
    let caught = [
        (Wrong::CopyAppends, "crash: copy at report"),
        (Wrong::CopyIgnoresStop, "stop: before copy"),
        (Wrong::CopyTakesTheBystanderAway, "plain"),
        (Wrong::CopyServes, "plain cancellation"),
        (
            Wrong::CheckpointComesTooEarly,
            "crash: copy with checkpoint",
        ),
        (Wrong::ReportsGoBack, "plain"),
        (Wrong::FenceCounts, "twice, then cancelled: fence"),
        (Wrong::FenceDoesNothing, "write: after fence"),
        (Wrong::UnfenceDoesNothing, "plain cancellation"),
        (Wrong::VerifyIsBlind, "damage"),
        (Wrong::ActivateOnlyOnce, "twice: activate"),
        (Wrong::ActivateReleases, "crash: after activate"),
        (Wrong::ActivateRemembers, "twice: activate"),
        (
            Wrong::ReleaseRemovesWhatIsThere,
            "nothing to do: release_source",
        ),
        (Wrong::ReleaseDoesNothing, "plain"),
        (Wrong::DiscardRemovesTheSource, "plain cancellation"),
        (Wrong::DiscardLeavesHalfACopy, "cancel: before copy"),
        (Wrong::DiscardOnlyOnce, "nothing to do: discard_destination"),
    ];
    let found: Vec<(Wrong, String)> = caught
        .iter()
        .map(|(wrong, _)| (*wrong, failure(*wrong).to_string()))
        .collect();
    let missed: Vec<_> = caught
        .iter()
        .zip(&found)
        .filter(|((_, case), (_, found))| !found.starts_with(&format!("case `{case}")))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_mover_that_keeps_the_contract_passes() {
    let report = conformance(|| Ok(Toy::new(Wrong::Nothing)), &options()).unwrap();
    eprintln!("{report}");
    for kind in [
        "plain",
        "crash: before copy",
        "crash: copy at report 1",
        "crash: copy with checkpoint 2 recorded",
        "crash: after release_source",
        "crash while cancelling: before discard_destination",
        "twice: verify",
        "damage",
        "write: after verify",
        "stale, then cancelled: copy at report 3",
    ] {
        assert!(
            report.cases.iter().any(|case| case == kind),
            "{kind}: {report:#?}"
        );
    }
    assert!(report.crash_points > 30, "{report}");
    assert_eq!(report.reports_left_out, 0);
    // What no mover can be asked for; everything else was run.
    assert_eq!(report.skipped.len(), 1, "{report}");
}
