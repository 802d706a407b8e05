//! A client writes to the source at each boundary. What was acknowledged is never lost.

use std::sync::{Arc, Mutex, PoisonError};

use crate::testkit::mover::check::End;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::point::{At, Point, Step};
use crate::testkit::mover::site::{Site, look};
use crate::testkit::mover::stage::{Act, Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::{Failure, SHARD, SOURCE, World, Write};

const NAME: &str = "write";

/// Every case that the world offers.
pub(super) fn run<W: World>(suite: &mut Suite<W>, points: &[Point]) -> Result<(), Failure> {
    let (offered, fences) = suite.case(NAME, None, |make, options| {
        let site = Site::new(make, options)?;
        Ok((site.write(SOURCE)?.is_some(), site.world.fences()))
    })?;
    if !offered {
        suite.skip(NAME, "the world offers no `write`");
        return Ok(());
    }
    if !fences {
        suite.skip(
            "write: from the verification to the cutover",
            "the world says that `fence` stops no writes",
        );
    }
    let stop = points
        .iter()
        .position(|point| point.step == Step::Verify && point.at == At::Before);
    let fence = points
        .iter()
        .position(|point| point.step == Step::Fence && point.at == At::After);
    for (index, point) in points.iter().copied().enumerate() {
        let in_time = stop.is_some_and(|stop| index <= stop);
        if !in_time && (!fences || point.step.is_after_cutover()) {
            continue;
        }
        let wanted = match (fences, fence.map(|fence| index.cmp(&fence))) {
            (true, Some(std::cmp::Ordering::Equal | std::cmp::Ordering::Greater)) => Write::Refused,
            (true | false, _) => Write::Done,
        };
        suite.pass(
            format!("{NAME}: {point}"),
            Some(point),
            move |make, options| {
                let site = Site::new(make, options)?;
                write_at(&site, point, wanted)
            },
        )?;
    }
    Ok(())
}

fn write_at<W: World>(site: &Site<W>, point: Point, wanted: Write) -> Result<Reached, Fault> {
    let content = Arc::new(Mutex::new(site.shard.clone()));
    let (world, written) = (Arc::clone(&site.world), Arc::clone(&content));
    let write = Act::Do(Box::new(move |_| {
        let told = match world.write(SOURCE) {
            Some(Ok(told)) => told,
            Some(Err(error)) => return Err(Fault::of_world(&error)),
            None => return Ok(()),
        };
        if told != wanted {
            return Err(Fault::new(
                format!("a write to the source to be {wanted:?}"),
                format!("{told:?}"),
            ));
        }
        if let Some(now) = look(&*world, SOURCE)?.served.remove(&SHARD) {
            *written.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        Ok(())
    }));
    let run = site.start(Stage::new(vec![(When::At(point), write)]), None)?;
    let stage = Arc::clone(&run.stage);
    run.join()?;
    let content = content.lock().unwrap_or_else(PoisonError::into_inner);
    site.check_end(End::Moved, &content)?;
    Ok(if stage.all_reached() {
        Reached::Yes
    } else {
        Reached::No
    })
}
