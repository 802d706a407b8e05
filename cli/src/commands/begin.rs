use std::ffi::{OsStr, OsString};

use clap::Args;
use serde_json::json;
use shardferry::schema::text::{Reason, RequestKey, ShardName};
use shardferry::tracker::{BeginError, BeginRequest};
use shardferry::{MigrationTracker, ShardId, Status};

use super::Context;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;

/// Begins to move one shard; `run` does it. Shards and nodes are named by id or name (`id:7` and
/// `name:7` where both would do).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry begin orders-07 disk-a disk-b --reason 'disk-a is old'"
)]
pub(crate) struct Begin {
    /// The shard
    shard: OsString,
    /// The node that owns it
    from: OsString,
    /// The node that is to own it
    to: OsString,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
    /// Higher goes first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Your name for the request: repeating it gives the same migration
    #[arg(long, value_name = "KEY")]
    request_key: Option<String>,
    /// Begin only if the shard is at this version: it goes up with each move
    #[arg(long, value_name = "N")]
    expect_version: Option<u64>,
}

pub(crate) fn run(args: &Begin, context: Context<'_>) -> Result<Exit, Failure> {
    let request = args.request_key.clone().map(RequestKey::new).transpose();
    let request = request.map_err(|error| Failure::new(Exit::Usage, error))?;
    let tracker = database::open(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let request = BeginRequest {
        priority: args.priority,
        reason: Reason::new(args.reason.clone()),
        request,
        expected_version: args.expect_version,
        ..BeginRequest::new(
            find_shard(&tracker, &names, &args.shard)?,
            names.find_node(&args.from)?,
            names.find_node(&args.to)?,
        )
    };
    // Asked of the row itself: one that is damaged is not one that is missing.
    if tracker.shard(request.shard)?.is_none() {
        return Err(Failure::message(
            Exit::Refused,
            format_args!("shard {} is not registered", request.shard),
        )
        .advise("`shardferry shards` lists what is; `shardferry apply` registers more"));
    }
    let id = tracker
        .begin(&request)
        .map_err(|error| refused(error, &request, &names))?;
    // Only one that the request key began earlier can be any further.
    let status = match &request.request {
        Some(_) => tracker.get_migration(id)?.map(|one| one.status()),
        None => None,
    };
    let status = status.unwrap_or(Status::Pending);
    context.out.result(
        || {
            format!(
                "migration {id}: {} {} -> {}; {}",
                names.shard(request.shard),
                names.node(request.from),
                names.node(request.to),
                standing(status),
            )
        },
        || json!({ "migration": id, "status": status.as_str() }),
    );
    Ok(Exit::Success)
}

/// A refusal with the names: it speaks of ids, and the names may be what was given.
fn refused(error: BeginError, request: &BeginRequest, names: &Names) -> Failure {
    let owner = match &error {
        BeginError::Store(_) => return error.into(),
        BeginError::NotOwner { owner, .. } => Some(*owner),
        BeginError::SameNode(_)
        | BeginError::AlreadyMigrating { .. }
        | BeginError::UnknownNode { .. }
        | BeginError::NodeState { .. }
        | BeginError::HasReplica { .. }
        | BeginError::Forbidden { .. }
        | BeginError::CleanupOpen { .. }
        | BeginError::Quarantined { .. }
        | BeginError::LowSpace { .. }
        | BeginError::VersionChanged { .. }
        | BeginError::RequestConflict { .. } => None,
    };
    let failure = Failure::from(error).context(format_args!(
        "{} cannot be moved from {} to {}",
        names.shard_and_id(request.shard),
        names.node_and_id(request.from),
        names.node_and_id(request.to)
    ));
    match owner {
        Some(owner) => failure.advise(format_args!(
            "begin it from {} instead",
            names.node_and_id(owner)
        )),
        None => failure,
    }
}

fn standing(status: Status) -> &'static str {
    match status {
        Status::Pending => "`shardferry run` moves it",
        Status::InProgress | Status::Verifying => {
            "it is under way, and `shardferry run` goes on with it"
        }
        Status::Complete => "it is complete",
        Status::Failed => "it has failed; another request key begins another",
        Status::Cancelled => "it was cancelled; another request key begins another",
    }
}

/// The shard that is meant. Of one that is not found by its name, the name may be all that can still
/// be read: then the error is that of its row.
fn find_shard(
    tracker: &MigrationTracker,
    names: &Names,
    given: &OsStr,
) -> Result<ShardId, Failure> {
    names.find_shard(given).or_else(|unknown| {
        if let Ok(name) = ShardName::new(given.as_encoded_bytes()) {
            tracker.shard_by_name(&name)?;
        }
        Err(unknown)
    })
}
