use clap::Args;
use shardferry::{Migration, MigrationId, State};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::{database, pauses, show, text, view};

/// Shows one migration.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry show 0199a3f2-7d1c-7c55-8a0e-3f1d2b4c5d6e")]
pub(crate) struct Show {
    /// The migration
    id: MigrationId,
}

pub(crate) fn run(args: &Show, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let migration = tracker
        .get_migration(args.id)?
        .ok_or_else(|| unknown(args.id))?;
    context.out.result(
        || {
            let held = |(scope, _): &&(_, _)| {
                !migration.status().is_terminal() && pauses::holds(*scope, &migration)
            };
            let held: Vec<_> = snapshot.pauses.iter().filter(held).cloned().collect();
            let lines = pauses::lines(&held, &names);
            text_of(&migration, &names) + &lines.join("\n")
        },
        || view::with_pauses(&migration, &snapshot.pauses, &names),
    );
    Ok(Exit::Success)
}

pub(super) fn unknown(id: MigrationId) -> Failure {
    Failure::message(
        Exit::Refused,
        format_args!(
            "there is no migration {id} (ended ones are kept as long as the settings say)"
        ),
    )
    .advise("`shardferry list --all` lists them")
}

fn text_of(migration: &Migration, names: &Names) -> String {
    let mut lines = vec![
        ("migration", migration.id.to_string()),
        ("shard", names.shard_and_id(migration.shard)),
        ("from", names.node_and_id(migration.from)),
        ("to", names.node_and_id(migration.to)),
        ("status", show::status(migration)),
        ("progress", show::progress(migration)),
        ("left", show::left(migration)),
        ("begun", text::time(migration.created_at_ms)),
        ("reason", migration.reason.to_string()),
    ];
    match &migration.state {
        State::Failed { reason, class, .. } => {
            lines.push(("failed", format!("{reason} ({class})")))
        }
        State::Cancelled { reason, .. } => lines.push(("cancelled", reason.to_string())),
        State::Pending
        | State::InProgress { .. }
        | State::Verifying { .. }
        | State::Complete { .. } => {}
    }
    if let Some(of) = migration.reverse_of {
        lines.push(("way back of", of.to_string()));
    }
    if let Some(at) = migration.state.finished_at_ms() {
        lines.push(("ended", text::time(at)));
    }
    if let Some(saved) = &migration.checkpoint {
        lines.push((
            "checkpoint",
            format!("at {}", text::bytes(saved.bytes_migrated)),
        ));
    }
    if let Some(attempt) = &migration.attempt {
        let since = text::time(attempt.claimed_at_ms);
        lines.push(("held by", format!("{}, since {since}", attempt.executor)));
    }
    if let Some(proof) = &migration.evidence {
        let matches = if proof.matches() {
            "the same"
        } else {
            "different"
        };
        let side = &proof.destination;
        lines.push((
            "compared",
            format!(
                "{matches}: {} items, {}, {}",
                side.items,
                text::bytes(side.bytes),
                proof.algorithm
            ),
        ));
    }
    for failure in &migration.failures {
        let at = text::time(failure.at_ms);
        lines.push((
            "attempt failed",
            format!("{at}: {} ({})", failure.reason, failure.class),
        ));
    }
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    lines
        .map(|(name, value)| format!("{name:<15} {value}\n"))
        .collect()
}
