use std::num::NonZeroUsize;

use clap::Args;
use serde_json::Value;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::{database, show, view};

/// Lists the migrations under way, in the order in which `run` takes them; with `--all` also those
/// that ended, newest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry list --all --limit 20")]
pub(crate) struct List {
    /// Also those that ended
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "100")]
    limit: NonZeroUsize,
}

pub(crate) fn run(args: &List, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let mut migrations = if args.all {
        tracker.recent_migrations(args.limit.get())?
    } else {
        tracker.unfinished()?
    };
    migrations.truncate(args.limit.get());
    context.out.result(
        || match (migrations.is_empty(), args.all) {
            (true, true) => "there are no migrations".to_owned(),
            (true, false) => "nothing is unfinished; `--all` lists what ended".to_owned(),
            (false, _) => show::migrations(&migrations, &names),
        },
        || {
            let migrations = migrations.iter();
            migrations
                .map(|one| view::migration(one, &names))
                .collect::<Value>()
        },
    );
    Ok(Exit::Success)
}
