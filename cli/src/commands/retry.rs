use clap::Args;
use serde_json::json;
use shardferry::MigrationId;
use shardferry::tracker::{Retried, RetryError};

use super::Context;
use super::show::unknown;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;

/// Tries a migration again: at once if it waits after a failed attempt; as another migration if it
/// failed or was cancelled. `run` moves it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry retry 0199a3f2-7d1c-7c55-8a0e-3f1d2b4c5d6e --reason 'the disk is back'"
)]
pub(crate) struct Retry {
    /// The migration
    id: MigrationId,
    /// Why
    #[arg(long, default_value = "tried again by an operator")]
    reason: String,
}

pub(crate) fn run(args: &Retry, context: Context<'_>) -> Result<Exit, Failure> {
    let id = args.id;
    let tracker = database::open(context.db)?;
    let retried = tracker.retry_migration(id, args.reason.as_str());
    let (migration, outcome) = match retried.map_err(|error| refused(id, error))? {
        Retried::AtOnce => (id, "at-once"),
        Retried::Begun(again) => (again, "begun"),
    };
    context.out.result(
        || match outcome {
            "begun" => {
                format!("migration {migration} does what {id} did not; `shardferry run` moves it")
            }
            _ => format!("migration {id} need not wait; `shardferry run` goes on with it"),
        },
        || json!({ "migration": migration, "outcome": outcome, "retry_of": id }),
    );
    Ok(Exit::Success)
}

fn refused(id: MigrationId, error: RetryError) -> Failure {
    match error {
        RetryError::NotFound { id } => unknown(id),
        RetryError::Store(error) => error.into(),
        RetryError::Begin(error) => {
            Failure::from(error).context(format_args!("migration {id} cannot be tried again"))
        }
        RetryError::Complete { .. } => Failure::new(Exit::Refused, error).advise(format_args!(
            "`shardferry reverse {id}` begins the way back"
        )),
        RetryError::MovedOn { shard, .. } => Failure::new(Exit::Refused, error).advise(
            format_args!("`shardferry explain id:{shard}` says where it is"),
        ),
        RetryError::Refused(_) => Failure::new(Exit::Refused, error)
            .advise(format_args!("`shardferry explain {id}` says how it stands")),
    }
}
