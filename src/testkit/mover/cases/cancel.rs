//! The migration is called off at each boundary.

use std::sync::Arc;

use crate::machine::StepError;
use crate::testkit::mover::check::End;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::point::{At, Point, Step};
use crate::testkit::mover::site::Site;
use crate::testkit::mover::stage::{Act, Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::{Failure, World};
use crate::tracker::{MigrationTracker, TransitionError};

/// Where a migration that is called off has had every step before the cutover.
pub(super) const CANCEL_AT: Point = Point {
    step: Step::Verify,
    call: 1,
    at: At::Before,
};

/// Calls the migration of `site` off.
pub(super) fn cancelling<W: World>(site: &Site<W>) -> Act {
    let (tracker, id) = (Arc::clone(&site.tracker), site.id);
    Act::Do(Box::new(move |_| cancel(&tracker, id)))
}

/// Calls a migration off; after the cutover that is refused, and nothing else happens.
pub(super) fn cancel(
    tracker: &MigrationTracker,
    id: crate::schema::MigrationId,
) -> Result<(), Fault> {
    match tracker.cancel_migration(id, "the conformance suite") {
        Ok(_) | Err(TransitionError::Refused(StepError::Ended { .. })) => Ok(()),
        Err(error) => Err(Fault::new("a cancellation", error.to_string())),
    }
}

/// Every boundary of a migration that is called off at [`CANCEL_AT`], from there on.
pub(super) fn trace<W: World>(suite: &mut Suite<W>) -> Result<Vec<Point>, Failure> {
    let name = "plain cancellation";
    let trace = suite.case(name, Some(CANCEL_AT), |make, options| {
        let site = Site::new(make, options)?;
        let acts = vec![(When::At(CANCEL_AT), cancelling(&site))];
        let run = site.start(Stage::new(acts), None)?;
        let stage = Arc::clone(&run.stage);
        run.join()?;
        site.check_no_failure()?;
        site.check_end(End::Stayed, &site.shard)?;
        let trace = stage.trace();
        let from = trace.iter().position(|point| *point == CANCEL_AT);
        Ok(trace
            .into_iter()
            .skip(from.map_or(0, |at| at + 1))
            .collect())
    })?;
    suite.report.cases.push(name.to_owned());
    Ok(trace)
}

/// Every case.
pub(super) fn run<W: World>(suite: &mut Suite<W>, points: &[Point]) -> Result<(), Failure> {
    for point in points.iter().copied() {
        suite.pass(
            format!("cancel: {point}"),
            Some(point),
            move |make, options| {
                let site = Site::new(make, options)?;
                let acts = vec![(When::At(point), cancelling(&site))];
                let run = site.start(Stage::new(acts), None)?;
                let stage = Arc::clone(&run.stage);
                run.join()?;
                if !stage.all_reached() {
                    site.check_end(End::Moved, &site.shard)?;
                    return Ok(Reached::No);
                }
                site.check_no_failure()?;
                let end = if point.step.is_after_cutover() {
                    End::Moved
                } else {
                    End::Stayed
                };
                site.check_end(end, &site.shard)?;
                Ok(Reached::Yes)
            },
        )?;
    }
    Ok(())
}
