use clap::Args;
use serde_json::json;
use shardferry::tracker::TransitionError;
use shardferry::{CancelOutcome, MigrationId};

use super::Context;
use super::show::unknown;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;

/// Calls a migration off. Its source keeps the shard; `run` removes what was copied.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry cancel 0199a3f2-7d1c-7c55-8a0e-3f1d2b4c5d6e --reason 'wrong disk'"
)]
pub(crate) struct Cancel {
    /// The migration
    id: MigrationId,
    /// Why
    #[arg(long, default_value = "called off by an operator")]
    reason: String,
}

pub(crate) fn run(args: &Cancel, context: Context<'_>) -> Result<Exit, Failure> {
    let id = args.id;
    let tracker = database::open(context.db)?;
    let outcome = tracker.cancel_migration(id, args.reason.as_str());
    let outcome = match outcome.map_err(|error| refused(id, error))? {
        CancelOutcome::Cancelled => "cancelled",
        CancelOutcome::Cancelling => "cancelling",
    };
    context.out.result(
        || format!("migration {id}: {outcome}"),
        || json!({ "migration": id, "outcome": outcome }),
    );
    Ok(Exit::Success)
}

fn refused(id: MigrationId, error: TransitionError) -> Failure {
    match error {
        TransitionError::NotFound { id } => unknown(id),
        TransitionError::Store(error) => error.into(),
        TransitionError::Refused(_)
        | TransitionError::Paused { .. }
        | TransitionError::NotOwner { .. }
        | TransitionError::UnknownNode { .. }
        | TransitionError::NotAccepting { .. } => Failure::new(Exit::Refused, error)
            .advise(format_args!("`shardferry show {id}` says how it stands")),
    }
}
