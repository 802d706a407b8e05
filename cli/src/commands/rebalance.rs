use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use serde_json::json;

use super::Context;
use crate::drive::{self, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::planning::{self, Aim};
use crate::{database, interrupt, show, text, view};

/// Plans, asks, and moves. What is unfinished from before is moved as well. Ctrl-C stops
/// gracefully; `shardferry run` goes on.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry rebalance\n  shardferry rebalance --by count --yes --json"
)]
pub(crate) struct Rebalance {
    #[command(flatten)]
    aim: Aim,
    #[command(flatten)]
    pace: Pace,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(crate) fn run(args: &Rebalance, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let plan = planning::plan(&snapshot, args.aim)?;
    context.out.say(planning::text_of(&plan, args.aim, &names));
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
    let done = planning::carry_out(&tracker, &plan, &names, args.pace, &stop)?;
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
        || {
            json!({
                "plan": planning::json_of(&plan, &names),
                "migrations": done.begun,
                "not_begun": done.not_begun,
                "refused": done.refused.as_ref().map(Failure::json),
                "run": view::run(&done.report, &names),
            })
        },
    );
    Ok(done.exit(tracker.now()))
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
