use clap::Args;
use serde_json::Value;

use super::Context;
use crate::draining::{self, Drained};
use crate::drive::{self, Drive, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::mover::MoverArgs;
use crate::names::Names;
use crate::waits::{self, Wait};
use crate::{database, interrupt, show, view};

/// Goes on with everything that is unfinished: migrations from their checkpoints, old copies that have
/// to go, and nodes that are to be emptied. Says at the end why what is left waits. Ctrl-C stops
/// gracefully; the next run goes on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry run --workers 4\n  shardferry run --stay\n  \
    shardferry run --mover rsync.toml"
)]
pub(crate) struct Run {
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    mover: MoverArgs,
    /// Wait for more to do when nothing is left, until Ctrl-C
    #[arg(long)]
    stay: bool,
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
    let how = Drive {
        mover: mover.as_ref(),
        pace: args.pace,
        stop: &stop,
    };
    let done = match args.stay {
        true => draining::stay(&tracker, how)?,
        false => draining::drive(&tracker, how, draining::go_on_or_say)?,
    };
    let unfinished: Vec<_> = done.report.unfinished.iter().collect();
    let waits = waits::of_unfinished(&tracker, &unfinished, &names)?;
    context.out.result(
        || text_of(&done, &waits, &names),
        || json_of(&done, &waits, &names),
    );
    Ok(drive::exit_of(&done.report, tracker.now()))
}

fn text_of(done: &Drained, waits: &[(shardferry::MigrationId, Wait)], names: &Names) -> String {
    let mut lines = vec![show::run(&done.report, names)];
    lines.extend(waits::summary(waits));
    for (node, of) in &done.nodes {
        lines.extend(draining::lines(*node, of, names));
    }
    lines.join("\n")
}

fn json_of(done: &Drained, waits: &[(shardferry::MigrationId, Wait)], names: &Names) -> Value {
    let mut run = view::run(&done.report, names);
    if let Value::Object(fields) = &mut run {
        let nodes = done.nodes.iter();
        let nodes = nodes.map(|(node, of)| draining::view(*node, of, names));
        fields.insert("waits".to_owned(), waits::views(waits));
        fields.insert("draining".to_owned(), nodes.collect());
    }
    run
}
