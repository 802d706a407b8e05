use std::num::NonZeroUsize;

use clap::Args;
use serde_json::Value;
use shardferry::Migration;
use shardferry::schema::v1::{Pause, PauseScope};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::{database, pauses, show, view};

/// Lists the migrations under way, in the order in which `run` takes them; with `--all` also those
/// that ended, newest first. And what is paused.
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
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let mut migrations = if args.all {
        tracker.recent_migrations(args.limit.get())?
    } else {
        tracker.unfinished()?
    };
    migrations.truncate(args.limit.get());
    context.out.result(
        || text_of(&migrations, &snapshot.pauses, args.all, &names),
        || {
            let migrations = migrations.iter();
            let one = |one| view::with_pauses(one, &snapshot.pauses, &names);
            migrations.map(one).collect::<Value>()
        },
    );
    Ok(Exit::Success)
}

fn text_of(
    migrations: &[Migration],
    all_pauses: &[(PauseScope, Pause)],
    all: bool,
    names: &Names,
) -> String {
    let mut text = match (migrations.is_empty(), all) {
        (true, true) => "there are no migrations\n".to_owned(),
        (true, false) => "nothing is unfinished; `--all` lists what ended\n".to_owned(),
        (false, _) => show::migrations(migrations, all_pauses, names),
    };
    for line in pauses::lines(all_pauses, names) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}
