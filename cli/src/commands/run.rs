use clap::Args;

use super::Context;
use crate::drive::{self, Drive, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::mover::MoverArgs;
use crate::names::Names;
use crate::{database, interrupt, show, view};

/// Goes on with everything that is unfinished: migrations from their checkpoints, and old copies
/// that have to go. Ctrl-C stops gracefully; the next run goes on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry run --workers 4\n  shardferry run --mover rsync.toml"
)]
pub(crate) struct Run {
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    mover: MoverArgs,
}

pub(crate) fn run(args: &Run, context: Context<'_>) -> Result<Exit, Failure> {
    let mover = args.mover.open()?;
    let tracker = database::open_to_work(context.db)?;
    let stop = interrupt::token()?;
    let snapshot = tracker.snapshot()?;
    match drive::going_on(&snapshot) {
        Some(text) => context.out.note(text),
        None => context.out.note("nothing is unfinished"),
    }
    let names = Names::of(&snapshot);
    let report = drive::drive(
        &tracker,
        Drive {
            mover: mover.as_ref(),
            pace: args.pace,
            stop: &stop,
        },
    )?;
    context
        .out
        .result(|| show::run(&report, &names), || view::run(&report, &names));
    Ok(drive::exit_of(&report, tracker.now()))
}
