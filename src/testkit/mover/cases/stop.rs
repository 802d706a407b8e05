//! The executor is asked to stop at each boundary, and another one goes on.

use std::sync::Arc;

use crate::executor::StopToken;
use crate::testkit::mover::check::End;
use crate::testkit::mover::point::Point;
use crate::testkit::mover::site::Site;
use crate::testkit::mover::stage::{Act, Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::{Failure, World};

/// Every case.
pub(super) fn run<W: World>(suite: &mut Suite<W>, points: &[Point]) -> Result<(), Failure> {
    for point in points.iter().copied() {
        suite.pass(
            format!("stop: {point}"),
            Some(point),
            move |make, options| {
                let site = Site::new(make, options)?;
                let stop = StopToken::new();
                let asked = stop.clone();
                let ask = Act::Do(Box::new(move |_| {
                    asked.stop();
                    Ok(())
                }));
                let run = site.start_with(Stage::new(vec![(When::At(point), ask)]), None, stop)?;
                let stage = Arc::clone(&run.stage);
                run.join()?;
                site.finish()?;
                site.check_no_failure()?;
                site.check_end(End::Moved, &site.shard)?;
                Ok(if stage.all_reached() {
                    Reached::Yes
                } else {
                    Reached::No
                })
            },
        )?;
    }
    Ok(())
}
