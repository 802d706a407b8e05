use crate::testkit::mover::Failure;
use crate::testkit::mover::World;
use crate::testkit::mover::check::End;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::point::{Point, Step};
use crate::testkit::mover::site::Site;
use crate::testkit::mover::stage::Stage;
use crate::testkit::mover::suite::Suite;

/// Nothing goes wrong. The answer is every boundary of the way.
pub(super) fn run<W: World>(suite: &mut Suite<W>) -> Result<Vec<Point>, Failure> {
    let name = "plain";
    let trace = suite.case(name, None, |make, options| {
        let site = Site::new(make, options)?;
        let run = site.start(Stage::new(Vec::new()), None)?;
        let stage = std::sync::Arc::clone(&run.stage);
        run.join()?;
        site.check_no_failure()?;
        site.check_end(End::Moved, &site.shard)?;
        let trace = stage.trace();
        check_order(&trace)?;
        Ok(trace)
    })?;
    suite.report.cases.push(name.to_owned());
    Ok(trace)
}

/// The executor called what it promises to call: else the suite would test nothing.
fn check_order(trace: &[Point]) -> Result<(), Fault> {
    let mut steps: Vec<Step> = trace.iter().map(|point| point.step).collect();
    steps.dedup();
    let wanted = [
        Step::Copy,
        Step::CatchUp,
        Step::Fence,
        Step::CatchUp,
        Step::Verify,
        Step::Activate,
        Step::ReleaseSource,
    ];
    if steps == wanted {
        return Ok(());
    }
    Err(Fault::new(
        format!("the steps {wanted:?}"),
        format!("{steps:?}"),
    ))
}
