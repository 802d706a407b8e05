//! The process dies at each boundary, and a new one finishes.

use super::cancel::{CANCEL_AT, cancelling};
use crate::testkit::mover::check::End;
use crate::testkit::mover::failure::Fault;
use crate::testkit::mover::point::Point;
use crate::testkit::mover::site::Site;
use crate::testkit::mover::stage::{Act, Stage, When};
use crate::testkit::mover::suite::{Reached, Suite};
use crate::testkit::mover::{Failure, World};

/// In about so many leaps a migration that dies again and again comes to its end.
const LEAPS: usize = 16;

/// Every case on the way to the destination.
pub(super) fn run<W: World>(suite: &mut Suite<W>, points: &[Point]) -> Result<(), Failure> {
    for point in points.iter().copied() {
        suite.pass(
            format!("crash: {point}"),
            Some(point),
            move |make, options| {
                let site = Site::new(make, options)?;
                die_and_finish(site, Vec::new(), point, End::Moved)
            },
        )?;
        suite.report.crash_points += 1;
    }
    Ok(())
}

/// Every case of a migration that was called off.
pub(super) fn while_cancelling<W: World>(
    suite: &mut Suite<W>,
    points: &[Point],
) -> Result<(), Failure> {
    for point in points.iter().copied() {
        let name = format!("crash while cancelling: {point}");
        suite.pass(name, Some(point), move |make, options| {
            let site = Site::new(make, options)?;
            let acts = vec![(When::At(CANCEL_AT), cancelling(&site))];
            die_and_finish(site, acts, point, End::Stayed)
        })?;
        suite.report.crash_points += 1;
    }
    Ok(())
}

fn die_and_finish<W: World>(
    mut site: Site<W>,
    mut acts: Vec<(When, Act)>,
    point: Point,
    end: End,
) -> Result<Reached, Fault> {
    acts.push((When::At(point), Act::Freeze));
    let run = site.start(Stage::new(acts), None)?;
    if !run.stage.wait_for_freeze() {
        run.join()?;
        site.check_end(end, &site.shard)?;
        return Ok(Reached::No);
    }
    site.check_in_between(point)?;
    run.stage.verdict()?;
    site.restart()?;
    site.finish()?;
    site.check_no_failure()?;
    site.check_end(end, &site.shard)?;
    // Its threads end now, after all that counts.
    drop(run);
    Ok(Reached::Yes)
}

/// One migration whose process dies again and again, each time a little later.
pub(super) fn again_and_again<W: World>(
    suite: &mut Suite<W>,
    boundaries: usize,
) -> Result<(), Failure> {
    let leap = boundaries.div_ceil(LEAPS).max(1);
    suite.pass(
        "crash again and again".to_owned(),
        None,
        move |make, options| {
            let mut site = Site::new(make, options)?;
            let mut dead = Vec::new();
            // Twice as many as an undisturbed run needs: one that starts over gets there too.
            for nth in 1..=2 * LEAPS {
                let acts = vec![(When::Nth(nth * leap), Act::Freeze)];
                let run = site.start(Stage::new(acts), None)?;
                if !run.stage.wait_for_freeze() {
                    run.join()?;
                    break;
                }
                if let Some(point) = run.stage.last() {
                    site.check_in_between(point)?;
                }
                run.stage.verdict()?;
                dead.push(run);
                site.restart()?;
            }
            site.finish()?;
            site.check_no_failure()?;
            site.check_end(End::Moved, &site.shard)?;
            Ok(Reached::Yes)
        },
    )
}
