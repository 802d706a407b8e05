use clap::Args;
use serde_json::json;
use shardferry::machine::StepError;
use shardferry::tracker::TransitionError;
use shardferry::{CancelOutcome, MigrationId, Status};

use super::Context;
use super::show::unknown;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;

/// Calls a migration off. Its source keeps the shard; `run` removes what was copied. After the cutover
/// it is too late: `reverse` begins the way back.
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
    let (outcome, then) = match outcome.map_err(|error| refused(id, error))? {
        CancelOutcome::Cancelled => (
            "cancelled",
            "the source keeps the shard, and `shardferry run` removes what was copied",
        ),
        CancelOutcome::Cancelling => (
            "cancelling",
            "the wish is recorded; its executor, or the next `shardferry run`, lets writes go on and \
             gives it up, unless it is cut over before",
        ),
    };
    context.out.result(
        || format!("migration {id}: {outcome}; {then}"),
        || json!({ "migration": id, "outcome": outcome }),
    );
    Ok(Exit::Success)
}

fn refused(id: MigrationId, error: TransitionError) -> Failure {
    match error {
        TransitionError::NotFound { id } => unknown(id),
        TransitionError::Store(error) => error.into(),
        TransitionError::Refused(StepError::Ended { status, .. }) => too_late(id, status, error),
        TransitionError::Refused(_)
        | TransitionError::Paused { .. }
        | TransitionError::NotOwner { .. }
        | TransitionError::UnknownNode { .. }
        | TransitionError::NotAccepting { .. } => Failure::new(Exit::Refused, error)
            .advise(format_args!("`shardferry explain {id}` says how it stands")),
    }
}

/// It has ended: what of it can still be undone depends on how.
fn too_late(id: MigrationId, status: Status, error: TransitionError) -> Failure {
    let failure = Failure::new(Exit::Refused, error);
    match status {
        Status::Complete => failure
            .context(format_args!("too late: migration {id} is cut over"))
            .advise(format_args!(
                "`shardferry reverse {id}` begins the way back"
            )),
        Status::Failed => failure
            .context(format_args!(
                "migration {id} has failed already: its source has the shard"
            ))
            .advise(format_args!("`shardferry explain {id}` says why it failed")),
        Status::Cancelled => failure
            .context(format_args!("migration {id} is cancelled already"))
            .advise(format_args!(
                "`shardferry show {id}` says since when and why"
            )),
        // The machine ends nothing in these.
        Status::Pending | Status::InProgress | Status::Verifying => failure,
    }
}
