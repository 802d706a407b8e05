use clap::Args;

use super::Context;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::planning::{self, Aim};

/// Shows what would balance the nodes, and why; changes nothing. Moves that are under way count at
/// their destination.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry plan --by bytes --threshold 0.05")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    aim: Aim,
}

pub(crate) fn run(args: &PlanArgs, context: Context<'_>) -> Result<Exit, Failure> {
    let snapshot = database::open_to_look(context.db)?.snapshot()?;
    let names = Names::of(&snapshot);
    let plan = planning::plan(&snapshot, args.aim)?;
    context.out.result(
        || planning::text_of(&plan, args.aim, &names),
        || planning::json_of(&plan, &names),
    );
    Ok(Exit::Success)
}
