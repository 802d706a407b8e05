use clap::Args;
use serde_json::Value;
use shardferry::Cleanup;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::table::table;
use crate::{database, text, view};

/// Shows the copies that have to go; `run` removes them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry cleanups")]
pub(crate) struct Cleanups {}

pub(crate) fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let cleanups = tracker.cleanups()?;
    let row = |cleanup: &Cleanup| {
        vec![
            names.node(cleanup.node),
            names.shard(cleanup.shard),
            cleanup.kind.to_string(),
            text::time(cleanup.not_before_ms),
            cleanup.failed_attempts.to_string(),
            cleanup
                .last_error
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        ]
    };
    context.out.result(
        || match cleanups.is_empty() {
            true => "nothing has to be cleaned up".to_owned(),
            false => table(
                &[
                    "node",
                    "shard",
                    "what",
                    "not before",
                    "failed>",
                    "last error",
                ],
                cleanups.iter().map(row),
            ),
        },
        || {
            cleanups
                .iter()
                .map(|one| view::cleanup(one, &names))
                .collect::<Value>()
        },
    );
    Ok(Exit::Success)
}
