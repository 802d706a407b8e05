//! An attempt stands still at a boundary, another one overtakes it, and then it goes on.

use std::sync::Arc;
use std::time::Duration;

use super::cancel::cancel;
use crate::executor::Executor;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::point::{At, Point, Step};
use crate::testkit::mover::site::{Site, executor};
use crate::testkit::mover::stage::{Act, Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::watched::Watched;
use crate::testkit::mover::{DESTINATION, Failure, SOURCE, World};

/// So short that it runs out between two signs of life, and another executor can claim.
const LEASE_MS: u64 = 1;

/// What the attempt that overtakes does.
#[derive(Clone, Copy, Debug)]
enum Then {
    Moved,
    Cancelled,
}

/// Every case.
pub(super) fn run<W: World>(suite: &mut Suite<W>, points: &[Point]) -> Result<(), Failure> {
    for then in [Then::Moved, Then::Cancelled] {
        for point in points.iter().copied().filter(|point| may_be_held(*point)) {
            let name = match then {
                Then::Moved => format!("stale, then moved: {point}"),
                Then::Cancelled => format!("stale, then cancelled: {point}"),
            };
            suite.pass(name, Some(point), move |make, options| {
                let site = Site::with_lease(make, options, LEASE_MS)?;
                overtake(&site, point, then)
            })?;
        }
    }
    suite.skip(
        "stale: before fence",
        "a mover cannot learn there that it was overtaken",
    );
    Ok(())
}

/// Where the contract lets a mover learn that it was overtaken, before it changes anything more.
fn may_be_held(point: Point) -> bool {
    match point.at {
        At::Asked(_) | At::After => true,
        At::Before => point.step != Step::Fence,
        // It hears "go on": what it was told before another attempt was made.
        At::Recorded(_) => false,
    }
}

fn overtake<W: World>(site: &Site<W>, point: Point, then: Then) -> Result<Reached, Fault> {
    let old = site.start(Stage::new(vec![(When::At(point), Act::Freeze)]), None)?;
    let reached = old.stage.wait_for_freeze();
    if reached {
        match then {
            Then::Moved => {}
            Then::Cancelled => cancel(&site.tracker, site.id)?,
        }
        finish_beside(site)?;
    }
    let end = site.end()?;
    let before = (site.look(SOURCE)?, site.look(DESTINATION)?);
    old.stage.thaw();
    old.join()?;
    let after = (site.look(SOURCE)?, site.look(DESTINATION)?);
    if reached && after != before {
        return Err(Fault::new(
            format!("a stale attempt that changes nothing: {before:?}"),
            format!("{after:?}"),
        ));
    }
    site.check_end(end, &site.shard)?;
    Ok(if reached { Reached::Yes } else { Reached::No })
}

/// Another executor beside the one that stands still. Until the lease of that one has run out it
/// finds nothing to do; the suite's patience bounds how long that may take.
fn finish_beside<W: World>(site: &Site<W>) -> Result<(), Fault> {
    let stage = Arc::new(Stage::new(Vec::new()));
    loop {
        let mover = Watched::new(&site.world, &stage, None);
        let report = Executor::run(&site.tracker, &mover, &executor()?)?;
        if report.unfinished.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    stage.verdict()?;
    site.finish()
}
