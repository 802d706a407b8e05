//! The cases, a file for each kind.

mod plain;

mod absent;
mod twice;

mod cancel;
mod crash;
mod stale;
mod stop;

mod damage;
mod write;

use super::Failure;
use super::World;
use super::plan::choose;
use super::suite::Suite;

/// Runs all of them.
pub(super) fn all<W: World>(suite: &mut Suite<W>) -> Result<(), Failure> {
    let trace = plain::run(suite)?;
    let calling_off = cancel::trace(suite)?;
    let (points, left_out) = choose(&trace, suite.options.reports_max);
    let (off_points, off_left_out) = choose(&calling_off, suite.options.reports_max);
    suite.report.reports_left_out = left_out + off_left_out;
    absent::run(suite)?;
    twice::run(suite)?;
    damage::run(suite)?;
    crash::run(suite, &points)?;
    crash::while_cancelling(suite, &off_points)?;
    crash::again_and_again(suite, trace.len())?;
    stop::run(suite, &points)?;
    cancel::run(suite, &points)?;
    write::run(suite, &points)?;
    stale::run(suite, &points)
}
