//! What has nothing to do, because nothing was done or all of it, succeeds.

use crate::executor::MoverError;
use crate::testkit::mover::check::End;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::point::Step;
use crate::testkit::mover::site::Site;
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::watching::Silent;
use crate::testkit::mover::{BYSTANDER, DESTINATION, Failure, SHARD, SOURCE, World, Write};

/// Every case.
pub(super) fn run<W: World>(suite: &mut Suite<W>) -> Result<(), Failure> {
    suite.pass(name(Step::DiscardDestination), None, |make, options| {
        let site = Site::new(make, options)?;
        let (job, mover) = (site.job()?, site.world.mover());
        for _ in 0..2 {
            ok(Step::DiscardDestination, mover.discard_destination(&job))?;
            untouched(&site)?;
        }
        Ok(Reached::Yes)
    })?;
    suite.pass(name(Step::Unfence), None, |make, options| {
        let site = Site::new(make, options)?;
        let (job, mover) = (site.job()?, site.world.mover());
        for _ in 0..2 {
            ok(Step::Unfence, mover.unfence(&job))?;
            untouched(&site)?;
        }
        match site.write(SOURCE)? {
            Some(Write::Refused) => Err(Fault::new("writes that go on", "a refused write")),
            Some(Write::Done) | None => Ok(Reached::Yes),
        }
    })?;
    suite.pass(name(Step::ReleaseSource), None, |make, options| {
        let site = Site::new(make, options)?;
        site.finish()?;
        let (job, mover) = (site.job()?, site.world.mover());
        ok(Step::ReleaseSource, mover.release_source(&job))?;
        ok(Step::ReleaseSource, site.world.mover().release_source(&job))?;
        site.check_end(End::Moved, &site.shard)?;
        Ok(Reached::Yes)
    })?;
    suite.pass(
        "discard right after copy".to_owned(),
        None,
        |make, options| {
            let site = Site::new(make, options)?;
            let (job, mover) = (site.job()?, site.world.mover());
            ok(Step::Copy, mover.copy(&job, None, &Silent))?;
            site.holds(DESTINATION, SHARD, None)?;
            for _ in 0..2 {
                ok(Step::DiscardDestination, mover.discard_destination(&job))?;
                untouched(&site)?;
            }
            Ok(Reached::Yes)
        },
    )
}

fn name(step: Step) -> String {
    format!("nothing to do: {step}")
}

fn ok(step: Step, outcome: Result<(), MoverError>) -> Result<(), Fault> {
    outcome.map_err(|error| Fault::new(format!("{step} to succeed"), error.to_string()))
}

/// The world is as it was made.
fn untouched<W: World>(site: &Site<W>) -> Result<(), Fault> {
    site.holds(SOURCE, SHARD, Some(&site.shard))?;
    site.holds(DESTINATION, SHARD, None)?;
    site.holds(DESTINATION, BYSTANDER, Some(&site.bystander))?;
    for node in [SOURCE, DESTINATION] {
        let left = site.look(node)?.left_over;
        if !left.is_empty() {
            return Err(Fault::new(
                format!("nothing left over on node {node}"),
                format!("{left:?}"),
            ));
        }
    }
    Ok(())
}
