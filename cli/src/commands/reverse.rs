use clap::Args;
use serde_json::json;
use shardferry::MigrationId;
use shardferry::tracker::ReverseError;

use super::Context;
use super::show::unknown;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;

/// Begins the way back of a migration that was cut over, as a migration of its own; `run` moves it.
/// The old copy at the source has to be gone, and the shard must not have moved since.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry reverse 0199a3f2-7d1c-7c55-8a0e-3f1d2b4c5d6e --reason 'disk-b is slow'"
)]
pub(crate) struct Reverse {
    /// The migration whose way back it is
    id: MigrationId,
    /// Why
    #[arg(long, default_value = "reversed by an operator")]
    reason: String,
}

pub(crate) fn run(args: &Reverse, context: Context<'_>) -> Result<Exit, Failure> {
    let id = args.id;
    let tracker = database::open(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let back = tracker.reverse_migration(id, args.reason.as_str());
    let back = back.map_err(|error| refused(id, error))?;
    let begun = tracker.get_migration(back)?;
    context.out.result(
        || {
            let way = begun.as_ref().map_or_else(String::new, |begun| {
                let (from, to) = (names.node(begun.from), names.node(begun.to));
                format!(": {} {from} -> {to}", names.shard(begun.shard))
            });
            format!("migration {back}{way}; `shardferry run` moves it")
        },
        || json!({ "migration": back, "reverse_of": id }),
    );
    Ok(Exit::Success)
}

fn refused(id: MigrationId, error: ReverseError) -> Failure {
    match error {
        ReverseError::NotFound { id } => unknown(id),
        ReverseError::Store(error) => error.into(),
        ReverseError::Begin(error) => {
            Failure::from(error).context(format_args!("migration {id} cannot be reversed now"))
        }
        ReverseError::NotCutOver { status, .. } => {
            let over = status.is_terminal();
            let failure = Failure::new(Exit::Refused, error);
            match over {
                true => failure.advise(format_args!(
                    "nothing has to go back; `shardferry explain {id}` says how it ended"
                )),
                false => failure.advise(format_args!("`shardferry cancel {id}` calls it off")),
            }
        }
        ReverseError::MovedOn { latest, .. } => Failure::new(Exit::Refused, error).advise(
            format_args!("`shardferry reverse {latest}` takes back the last move first"),
        ),
    }
}
