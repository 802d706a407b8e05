//! What keeps a migration from being claimed, in words.

use serde_json::json;
use shardferry::Migration;
use shardferry::machine::StepError;
use shardferry::schema::key::SlotScope;
use shardferry::schema::v1::Pause;
use shardferry::tracker::ClaimError;

use super::Wait;
use crate::names::Names;
use crate::{pauses, text};

/// `obstacle` as a wait. That the migration has ended is none.
pub(super) fn wait(obstacle: &ClaimError, migration: &Migration, names: &Names) -> Option<Wait> {
    Some(match obstacle {
        ClaimError::Refused(step) => return refusal(step, migration),
        ClaimError::NotFound { .. } => Wait::new("not-found", obstacle.to_string()),
        ClaimError::Limit {
            scope,
            in_flight,
            limit,
            ..
        } => full(*scope, *in_flight, *limit, names),
        ClaimError::Paused {
            scope,
            since_ms,
            reason,
            ..
        } => {
            let (what, since) = (pauses::scope(*scope, names), text::time(*since_ms));
            let pause = Pause {
                at_ms: *since_ms,
                reason: reason.clone(),
            };
            Wait::new(
                "paused",
                format!("{what} is paused since {since}: {reason}"),
            )
            .with(pauses::view(*scope, &pause, names))
            .todo(format!("shardferry resume{}", pauses::options(*scope)))
        }
        ClaimError::NodeDown { node, .. } => {
            let shown = names.node_and_id(*node);
            let todo = "say `state = \"active\"` in the cluster file when it is back, and `shardferry apply` it";
            Wait::new("node-down", format!("{shown} is down"))
                .with(json!({ "node": node, "node_name": names.node_name(*node) }))
                .todo(todo)
        }
        ClaimError::NotActivated { node, earlier, .. } => {
            let shown = names.node_and_id(*node);
            let text = format!("{shown} does not yet serve what migration {earlier} brought there");
            Wait::new("not-activated", text)
                .with(json!({ "node": node, "migration": earlier }))
                .todo("shardferry run")
        }
        ClaimError::Store(error) => Wait::unreadable(error),
    })
}

fn refusal(step: &StepError, migration: &Migration) -> Option<Wait> {
    Some(match step {
        StepError::Ended { .. } => return None,
        StepError::Held {
            executor,
            epoch,
            until_ms,
            ..
        } => {
            let until = text::time(*until_ms);
            let text = format!(
                "executor {executor} is at work on it (epoch {epoch}); its lease holds until {until} \
                 without another sign of life"
            );
            Wait::new("held", text)
                .with(json!({ "executor": executor, "epoch": epoch, "until_ms": until_ms }))
        }
        StepError::BackingOff { until_ms, .. } => {
            let failed = text::count(migration.failed_attempts, "attempt");
            let last = migration.failures.last();
            let why = last.map_or_else(String::new, |one| {
                format!(", the last: {} ({})", one.reason, one.class)
            });
            let until = text::time(*until_ms);
            Wait::new(
                "backing-off",
                format!("{failed} failed{why}; the next is at {until}"),
            )
            .with(json!({
                "until_ms": until_ms,
                "failed_attempts": migration.failed_attempts,
                "reason": last.map(|one| &one.reason),
            }))
            .todo(format!("shardferry retry {}", migration.id))
        }
        StepError::StillFenced { since_ms, .. } => {
            let since = text::time(*since_ms);
            let text = format!("writes to its source are stopped since {since}");
            Wait::new("fenced", text)
                .with(json!({ "since_ms": since_ms }))
                .todo("shardferry run")
        }
        StepError::Cancelling { .. }
        | StepError::WrongStatus { .. }
        | StepError::Fenced { .. }
        | StepError::ProgressBackwards { .. }
        | StepError::ProgressPastTotal { .. }
        | StepError::NotVerified { .. }
        | StepError::CopiesDiffer { .. } => Wait::new("refused", step.to_string()),
    })
}

fn full(scope: SlotScope, in_flight: u64, limit: u32, names: &Names) -> Wait {
    let (setting, which) = match scope {
        SlotScope::Total => ("in_flight_max", "in all".to_owned()),
        SlotScope::Source(node) => (
            "in_flight_per_source_max",
            format!("from {}", names.node_and_id(node)),
        ),
        SlotScope::Destination(node) => (
            "in_flight_per_destination_max",
            format!("to {}", names.node_and_id(node)),
        ),
        SlotScope::Pair(from, to) => {
            let (from, to) = (names.node_and_id(from), names.node_and_id(to));
            ("in_flight_per_pair_max", format!("from {from} to {to}"))
        }
    };
    let text = format!("the limit {setting} = {limit} is reached: {in_flight} under way {which}");
    Wait::new("limit", text)
        .with(json!({ "setting": setting, "limit": limit, "in_flight": in_flight }))
        .todo(format!("shardferry settings --set {setting}=N"))
}
