use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use shardferry::MigrationId;

use super::Context;
use crate::drive::{self, Drive, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::mover::MoverArgs;
use crate::names::Names;
use crate::planning::{self, Aim, PlanDocument, Planned};
use crate::{database, interrupt, show, text, view};

/// Plans, asks, and moves. What is unfinished from before is moved as well. Ctrl-C stops
/// gracefully; `shardferry run` goes on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry rebalance\n  shardferry rebalance --by count --yes --json\n  shardferry rebalance --plan plan.json"
)]
pub(crate) struct Rebalance {
    #[command(flatten)]
    aim: Aim,
    /// Do exactly what this file has, as `plan --json` wrote it; refused as a whole if the cluster
    /// has changed in the way of a move
    #[arg(long, value_name = "FILE", conflicts_with = "Aim")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    mover: MoverArgs,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// What was done.
#[derive(Serialize)]
struct Done<'a> {
    plan: PlanDocument,
    migrations: &'a [MigrationId],
    not_begun: usize,
    refused: Option<Value>,
    run: Value,
}

pub(crate) fn run(args: &Rebalance, context: Context<'_>) -> Result<Exit, Failure> {
    let mover = args.mover.open()?;
    let tracker = database::open_to_work(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let planned = match &args.plan {
        Some(file) => Planned::of_file(planning::read_plan(file)?, &snapshot)?,
        None => Planned::on(&snapshot, &args.aim)?,
    };
    admit(&planned, args.plan.as_deref())?;
    let plan = &planned.plan;
    context
        .out
        .say(planning::text_of(&planned, context.verbose));
    let pending = snapshot.active.len();
    let work = !plan.is_empty() || pending > 0;
    if work && !args.yes && !confirmed(plan.moves.len(), pending, context)? {
        context.out.say("nothing was begun");
        return Ok(Exit::Success);
    }
    let stop = interrupt::token()?;
    if let Some(text) = drive::going_on(&snapshot) {
        context.out.note(text);
    }
    let done = planning::carry_out(
        &tracker,
        (plan, &planned.policy),
        &names,
        Drive {
            mover: mover.as_ref(),
            pace: args.pace,
            stop: &stop,
        },
    )?;
    if let Some(refused) = &done.refused {
        context.out.note(refused.story());
    }
    if done.not_begun > 0 {
        context.out.note(format_args!(
            "{} of later waves not begun; `shardferry rebalance` plans them again",
            text::count(done.not_begun, "move")
        ));
    }
    context.out.result(
        || show::run(&done.report, &names),
        || Done {
            plan: PlanDocument::of(&planned),
            migrations: &done.begun,
            not_begun: done.not_begun,
            refused: done.refused.as_ref().map(Failure::json),
            run: view::run(&done.report, &names),
        },
    );
    Ok(done.exit(tracker.now()))
}

/// Begins no plan of which the checker, which knows nothing of how it was made, says that a move
/// cannot be made on the cluster as it is.
pub(super) fn admit(planned: &Planned, file: Option<&Path>) -> Result<(), Failure> {
    let obstacles = planning::obstacles_of(planned)?;
    if obstacles.is_empty() {
        return Ok(());
    }
    let moves = text::count(planned.plan.moves.len(), "move");
    let shown = file.map_or_else(|| "the plan".to_owned(), text::path);
    Err(Failure::problems(
        format!(
            "the cluster is not as {shown} has it: {} of {moves} cannot be made, so none was begun",
            obstacles.len()
        ),
        obstacles,
    )
    .ending(Exit::Refused)
    .advise("plan again"))
}

/// Asks on the terminal; without one there is nobody to ask.
fn confirmed(moves: usize, pending: usize, context: Context<'_>) -> Result<bool, Failure> {
    let is_live = io::stdin().is_terminal() && io::stderr().is_terminal();
    let cannot = match (context.out.is_json(), is_live) {
        (true, _) => Some("with `--json` it asks nothing"),
        (false, false) => Some("there is no terminal to ask on"),
        (false, true) => None,
    };
    if let Some(cannot) = cannot {
        return Err(Failure::message(
            Exit::Usage,
            format_args!("rebalance asks before it moves anything, and {cannot}"),
        )
        .advise("look at `shardferry plan`, then add `--yes`"));
    }
    let unanswered =
        |error: io::Error| Failure::new(Exit::Unexpected, error).context("asking failed");
    let mut terminal = io::stderr().lock();
    let going_on = match pending {
        0 => String::new(),
        _ => format!(
            ", and go on with {}",
            text::count(pending, "unfinished migration")
        ),
    };
    let moves = text::count(moves, "move");
    write!(terminal, "Begin {moves}{going_on}? [y/N] ").map_err(unanswered)?;
    terminal.flush().map_err(unanswered)?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(unanswered)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
