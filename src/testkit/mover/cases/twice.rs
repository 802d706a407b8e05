//! Each step is called twice in a row, the second time by a mover that knows nothing of the first.

use super::cancel::{CANCEL_AT, cancelling};
use crate::testkit::mover::check::End;
use crate::testkit::mover::point::Step;
use crate::testkit::mover::site::Site;
use crate::testkit::mover::stage::{Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::{Failure, World};

/// Every case: on the way to the destination, and when the migration is called off.
pub(super) fn run<W: World>(suite: &mut Suite<W>) -> Result<(), Failure> {
    for step in Step::ALL {
        let ends: &[End] = match step {
            Step::Unfence | Step::DiscardDestination => &[End::Stayed],
            Step::Copy | Step::CatchUp | Step::Fence | Step::Verify => &[End::Moved, End::Stayed],
            Step::Activate | Step::ReleaseSource => &[End::Moved],
        };
        for end in ends.iter().copied() {
            let name = match end {
                End::Moved => format!("twice: {step}"),
                End::Stayed => format!("twice, then cancelled: {step}"),
            };
            suite.pass(name, None, move |make, options| {
                let site = Site::new(make, options)?;
                let acts = match end {
                    End::Moved => Vec::new(),
                    End::Stayed => vec![(When::At(CANCEL_AT), cancelling(&site))],
                };
                let run = site.start(Stage::new(acts), Some(step))?;
                run.join()?;
                site.check_no_failure()?;
                site.check_end(end, &site.shard)?;
                Ok(Reached::Yes)
            })?;
        }
    }
    Ok(())
}
