use clap::Args;
use shardferry::EventSeq;

use super::Context;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::look::{Part, read};

/// One look at everything, in a form of the program's own: what `watch` and `events --follow` ask the
/// process for that has the database open.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry look --newest 10")]
pub(crate) struct Look {
    /// With the events after this position
    #[arg(long, value_name = "SEQ", conflicts_with = "newest")]
    after: Option<EventSeq>,
    /// With so many of the newest events
    #[arg(long, value_name = "N", default_value_t = 0)]
    newest: usize,
}

pub(crate) fn run(args: &Look, context: Context<'_>) -> Result<Exit, Failure> {
    let part = args.after.map_or(Part::Newest(args.newest), Part::After);
    let tracker = database::open_to_look(context.db)?;
    let view = read(&tracker, part)?;
    let view =
        serde_json::to_string(&view).map_err(|error| Failure::new(Exit::Unexpected, error))?;
    context.out.pass_on(&view);
    Ok(Exit::Success)
}
