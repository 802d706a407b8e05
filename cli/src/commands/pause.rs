use std::ffi::OsString;

use clap::Args;
use serde_json::json;
use shardferry::schema::v1::PauseScope;
use shardferry::tracker::PauseError;
use shardferry::{MigrationId, MigrationTracker};

use super::Context;
use super::show::unknown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::{database, pauses, text};

/// Holds work back until `resume`: everything, what moves from or to a node, or one migration. What is
/// at work lets go at its next report; once writes to a source are stopped, its cutover is finished
/// first. Old copies are removed all the same.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry pause --reason 'the backup runs'\n  \
    shardferry pause --node disk-b --reason 'its disk is being replaced'"
)]
pub(crate) struct Pause {
    #[command(flatten)]
    scope: Scope,
    /// Why
    #[arg(long, default_value = "paused by an operator")]
    reason: String,
}

/// Lets go on what `pause` held back under the same scope.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry resume --node disk-b --reason 'the new disk is in'")]
pub(crate) struct Resume {
    #[command(flatten)]
    scope: Scope,
    /// Why
    #[arg(long, default_value = "resumed by an operator")]
    reason: String,
}

/// What is meant; without either, everything.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Scope {
    /// Only what moves from or to this node (id or name)
    #[arg(long, value_name = "NODE")]
    node: Option<OsString>,
    /// Only this migration
    #[arg(long, value_name = "ID")]
    migration: Option<MigrationId>,
}

impl Scope {
    fn find(&self, names: &Names) -> Result<PauseScope, Failure> {
        Ok(match (&self.node, self.migration) {
            (Some(node), _) => PauseScope::Node(names.find_node(node)?),
            (None, Some(id)) => PauseScope::Migration(id),
            (None, None) => PauseScope::Everything,
        })
    }
}

pub(crate) fn pause(args: &Pause, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let scope = args.scope.find(&names)?;
    let paused = tracker.pause(scope, args.reason.as_str());
    paused.map_err(|error| refused(error, scope, &names))?;
    let active = snapshot.active.iter();
    let held = active.filter(|one| pauses::holds(scope, one)).count();
    context.out.result(
        || {
            format!(
                "paused: {}; {} under way held back, until `shardferry resume{}`",
                pauses::scope(scope, &names),
                text::count(held, "migration"),
                pauses::options(scope)
            )
        },
        || json!({ "paused": find(&tracker, scope, &names), "held_back": held }),
    );
    Ok(Exit::Success)
}

/// The pause as it is recorded.
fn find(tracker: &MigrationTracker, scope: PauseScope, names: &Names) -> serde_json::Value {
    let all = tracker.pauses().unwrap_or_default();
    let found = all.iter().find(|(other, _)| *other == scope);
    found
        .map(|(scope, pause)| pauses::view(*scope, pause, names))
        .into()
}

pub(crate) fn resume(args: &Resume, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let scope = args.scope.find(&names)?;
    let before = find(&tracker, scope, &names);
    let resumed = tracker.resume(scope, args.reason.as_str());
    resumed.map_err(|error| refused(error, scope, &names))?;
    let others = tracker.pauses()?;
    context.out.result(
        || {
            let what = pauses::scope(scope, &names);
            let mut lines = vec![format!("resumed: {what}; `shardferry run` goes on")];
            lines.extend(
                pauses::lines(&others, &names)
                    .iter()
                    .map(|line| format!("still {line}")),
            );
            lines.join("\n")
        },
        || json!({ "resumed": before, "pauses": pauses::views(&others, &names) }),
    );
    Ok(Exit::Success)
}

fn refused(error: PauseError, scope: PauseScope, names: &Names) -> Failure {
    match error {
        PauseError::Store(error) => error.into(),
        PauseError::NotFound { id } => unknown(id),
        PauseError::Ended { id, .. } => Failure::new(Exit::Refused, error)
            .advise(format_args!("`shardferry show {id}` says how it ended")),
        PauseError::NotPaused { .. } => {
            let what = pauses::scope(scope, names);
            Failure::message(Exit::Refused, format_args!("not paused: {what}"))
                .advise("`shardferry status` shows what is; each scope is resumed by itself")
        }
    }
}
