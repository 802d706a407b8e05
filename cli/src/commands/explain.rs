use std::ffi::OsString;

use clap::Args;
use shardferry::tracker::ShardExplanation;
use shardferry::{MigrationId, MigrationTracker, Settings, ShardId};

use super::Context;
use super::show::unknown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::{database, explained};

/// Says why a migration or a shard stands where it stands: what it waits for and since when, how many
/// are before it, why it failed, what happens next, and what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry explain 0199a3f2-7d1c-7c55-8a0e-3f1d2b4c5d6e\n  shardferry explain orders-07"
)]
pub(crate) struct Explain {
    /// The id of a migration, or a shard (id or name)
    #[arg(value_name = "ID|SHARD")]
    what: OsString,
}

pub(crate) fn run(args: &Explain, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let id = args
        .what
        .to_str()
        .and_then(|text| text.parse::<MigrationId>().ok());
    if let Some(id) = id
        && let Some(why) = tracker.explain(id)?
    {
        context.out.result(
            || explained::migration(&why, &names).join("\n"),
            || explained::migration_view(&why, &names),
        );
        return Ok(Exit::Success);
    }
    let shard = names.find_shard(&args.what);
    // What looks like the id of a migration is one, unless a shard has that name.
    let shard = shard.map_err(|failure| id.map_or(failure, unknown))?;
    explain_shard(&tracker, shard, &snapshot.settings, &names, context)
}

fn explain_shard(
    tracker: &MigrationTracker,
    shard: ShardId,
    settings: &Settings,
    names: &Names,
    context: Context<'_>,
) -> Result<Exit, Failure> {
    let why = tracker.explain_shard(shard)?;
    if is_unknown(&why) {
        let what = format_args!("nothing is known of shard {shard}");
        return Err(Failure::message(Exit::Refused, what)
            .advise("`shardferry shards` lists those that are registered"));
    }
    context.out.result(
        || explained::shard(&why, tracker.now(), settings, names).join("\n"),
        || explained::shard_view(&why, settings, names),
    );
    Ok(Exit::Success)
}

fn is_unknown(why: &ShardExplanation) -> bool {
    why.shard.is_none()
        && why.migration.is_none()
        && why.last_move.is_none()
        && why.cleanups.is_empty()
        && why.quarantine.is_none()
}
