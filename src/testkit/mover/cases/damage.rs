//! The copy is damaged before it is verified.

use std::sync::Arc;

use super::cancel::CANCEL_AT;
use crate::testkit::mover::check::End;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::site::Site;
use crate::testkit::mover::stage::{Act, Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::watching::Silent;
use crate::testkit::mover::{Failure, World, WorldError};

const NAME: &str = "damage";

/// The verification has to see it, and the next attempt has to bring a whole copy.
pub(super) fn run<W: World>(suite: &mut Suite<W>) -> Result<(), Failure> {
    let offered = suite.case(NAME, None, |make, options| {
        let site = Site::new(make, options)?;
        let (job, mover) = (site.job()?, site.world.mover());
        mover
            .copy(&job, None, &Silent)
            .map_err(|error| Fault::new("a copy", error.to_string()))?;
        if !damaged(site.world.damage(&job))? {
            return Ok(false);
        }
        match mover.verify(&job, &Silent) {
            Ok(proof) if proof.source == proof.destination => Err(Fault::new(
                "a verification that sees the damage",
                format!("equal sides: {:?}", proof.source),
            )),
            Ok(_) | Err(_) => Ok(true),
        }
    })?;
    if !offered {
        suite.skip(NAME, "the world offers no `damage`");
        return Ok(());
    }
    suite.pass(NAME.to_owned(), Some(CANCEL_AT), |make, options| {
        let site = Site::new(make, options)?;
        let world = Arc::clone(&site.world);
        let damage = Act::Do(Box::new(move |job| damaged(world.damage(job)).map(|_| ())));
        let run = site.start(Stage::new(vec![(When::At(CANCEL_AT), damage)]), None)?;
        run.join()?;
        if site.migration()?.failed_attempts == 0 {
            return Err(Fault::new("a failed attempt", "none"));
        }
        site.check_end(End::Moved, &site.shard)?;
        Ok(Reached::Yes)
    })
}

fn damaged(outcome: Option<Result<(), WorldError>>) -> Result<bool, Fault> {
    match outcome {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(error)) => Err(Fault::of_world(&error)),
    }
}
