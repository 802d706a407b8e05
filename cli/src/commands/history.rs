use clap::Args;
use serde_json::Value;
use shardferry::{Event, MigrationId};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::table;
use crate::{database, show, text, view};

/// Shows what happened to a migration, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry history 0199a3f2-7d1c-7c55-8a0e-3f1d2b4c5d6e")]
pub(crate) struct History {
    /// The migration
    id: MigrationId,
}

pub(crate) fn run(args: &History, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let events = tracker.history(args.id)?;
    if events.is_empty() && tracker.get_migration(args.id)?.is_none() {
        return Err(super::show::unknown(args.id));
    }
    context.out.result(
        || {
            table(
                &["when", "epoch>", "what", "who", "why"],
                events.iter().map(row),
            )
        },
        || events.iter().map(view::event).collect::<Value>(),
    );
    Ok(Exit::Success)
}

fn row(event: &Event) -> Vec<String> {
    vec![
        text::time(event.at_ms),
        event.epoch.to_string(),
        show::what(event),
        show::actor(&event.actor),
        event.cause.to_string(),
    ]
}
