use std::ffi::OsString;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shardferry::ShardId;
use shardferry::schema::v1::Quarantined;
use shardferry::tracker::QuarantineError;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::table::table;
use crate::{database, text, view};

/// Shows the shards that failed too often and are set aside, or lets one out.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry quarantine list\n  shardferry quarantine release orders-07 --reason 'the disk is back'"
)]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the shards that are set aside, each with all the reasons
    List,
    /// Let a shard out: it can move again
    Release {
        /// The shard, by id or name
        shard: OsString,
        /// Why
        #[arg(long, default_value = "released by an operator")]
        reason: String,
    },
}

pub(crate) fn run(args: &QuarantineArgs, context: Context<'_>) -> Result<Exit, Failure> {
    match &args.what {
        What::List => list(context),
        What::Release { shard, reason } => {
            let tracker = database::open(context.db)?;
            let names = Names::of(&tracker.snapshot()?);
            let shard = names.find_shard(shard)?;
            let released = tracker.release_quarantine(shard, reason.as_str());
            released.map_err(|error| refused(error, shard, &names))?;
            context.out.result(
                || format!("{} can move again", names.shard_and_id(shard)),
                || json!({ "released": shard }),
            );
            Ok(Exit::Success)
        }
    }
}

fn list(context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let all = tracker.quarantined()?;
    context.out.result(
        || match all.is_empty() {
            true => "no shard is set aside".to_owned(),
            false => table(
                &["shard", "since", "migration", "reasons"],
                all.iter().map(|(shard, entry)| row(*shard, entry, &names)),
            ),
        },
        || {
            let all = all.iter();
            all.map(|(shard, entry)| view::quarantined(*shard, entry, &names))
                .collect::<Value>()
        },
    );
    Ok(Exit::Success)
}

fn row(shard: ShardId, entry: &Quarantined, names: &Names) -> Vec<String> {
    let failures = entry.failures.iter();
    let reasons: Vec<String> = failures
        .map(|failure| {
            let at = text::time(failure.at_ms);
            format!("{at}: {} ({})", failure.reason, failure.class)
        })
        .collect();
    vec![
        names.shard_and_id(shard),
        text::time(entry.at_ms),
        entry.migration.to_string(),
        reasons.join("; "),
    ]
}

fn refused(error: QuarantineError, shard: ShardId, names: &Names) -> Failure {
    match error {
        QuarantineError::Store(error) => error.into(),
        QuarantineError::NotQuarantined { .. } => Failure::new(Exit::Refused, error)
            .context(format_args!("{} is as it was", names.shard_and_id(shard)))
            .advise("`shardferry quarantine list` shows what is set aside"),
    }
}
