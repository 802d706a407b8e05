//! What a migration waits for, in words and in JSON.

use serde_json::{Map, Value, json};
use shardferry::executor::RunReport;
use shardferry::machine::StepError;
use shardferry::schema::key::SlotScope;
use shardferry::schema::v1::Pause;
use shardferry::tracker::{ClaimError, Explanation};
use shardferry::{Migration, MigrationId, MigrationTracker};

use crate::failure::Failure;
use crate::names::Names;
use crate::{pauses, text};

/// How many of what is left a run explains.
const EXPLAINED_MAX: usize = 100;

/// One thing that a migration waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wait {
    /// The name of its kind, for scripts.
    pub(crate) kind: &'static str,
    /// In a sentence.
    pub(crate) text: String,
    /// What is known of it.
    fields: Value,
    /// The command that ends it, where there is one.
    pub(crate) todo: Option<String>,
}

impl Wait {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        let (text, fields) = (text.into(), json!({}));
        Self {
            kind,
            text,
            fields,
            todo: None,
        }
    }

    fn with(mut self, fields: Value) -> Self {
        self.fields = fields;
        self
    }

    fn todo(mut self, command: impl Into<String>) -> Self {
        self.todo = Some(command.into());
        self
    }

    pub(crate) fn view(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("kind".to_owned(), self.kind.into());
        fields.insert("text".to_owned(), self.text.clone().into());
        fields.insert("todo".to_owned(), self.todo.clone().into());
        if let Value::Object(more) = &self.fields {
            fields.extend(more.clone());
        }
        Value::Object(fields)
    }
}

/// Everything that `why` says the migration waits for. That it has ended is no wait.
pub(crate) fn of(why: &Explanation, names: &Names) -> Vec<Wait> {
    let migration = &why.migration;
    let obstacles = why.obstacles.iter();
    let mut waits: Vec<Wait> = obstacles
        .filter_map(|one| obstacle(one, migration, names))
        .collect();
    if migration.status().is_terminal() {
        return waits;
    }
    if let Some(wish) = &migration.cancel {
        let since = text::time(wish.at_ms);
        waits.push(
            Wait::new(
                "cancelling",
                format!("it is being cancelled since {since}: {}", wish.reason),
            )
            .with(json!({ "since_ms": wish.at_ms, "reason": wish.reason }))
            .todo("shardferry run"),
        );
    }
    if let Some(attempt) = migration.attempt.as_ref().filter(|attempt| attempt.stalled) {
        let since = text::time(attempt.moved_at_ms);
        waits.push(
            Wait::new(
                "stalled",
                format!("it has not come further since {since} (stall_ms)"),
            )
            .with(json!({ "since_ms": attempt.moved_at_ms, "executor": attempt.executor })),
        );
    }
    waits
}

fn obstacle(obstacle: &ClaimError, migration: &Migration, names: &Names) -> Option<Wait> {
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
        ClaimError::Store(error) => {
            Wait::new("unreadable", format!("a row cannot be read: {error}"))
                .todo("shardferry check")
        }
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

/// What each migration waits for that a run left unfinished: the first of them, as one reason is
/// mostly that of many.
pub(crate) fn of_unfinished(
    tracker: &MigrationTracker,
    report: &RunReport,
    names: &Names,
) -> Result<Vec<(MigrationId, Wait)>, Failure> {
    let mut all = Vec::new();
    for migration in report.unfinished.iter().take(EXPLAINED_MAX) {
        if let Some(why) = tracker.explain(migration.id)? {
            all.extend(of(&why, names).into_iter().map(|wait| (migration.id, wait)));
        }
    }
    Ok(all)
}

/// Each reason once, with how many wait for it: `3 wait: everything is paused since ...: ...`.
pub(crate) fn summary(waits: &[(MigrationId, Wait)]) -> Vec<String> {
    let mut seen: Vec<(&Wait, usize)> = Vec::new();
    for (_, wait) in waits {
        match seen.iter_mut().find(|(other, _)| other.text == wait.text) {
            Some((_, times)) => *times += 1,
            None => seen.push((wait, 1)),
        }
    }
    let line = |(wait, times): (&Wait, usize)| {
        let verb = if times == 1 { "waits" } else { "wait" };
        let next = wait.todo.as_ref().map_or_else(String::new, |todo| {
            match todo.starts_with("shardferry") {
                true => format!(" (`{todo}`)"),
                false => format!(" ({todo})"),
            }
        });
        format!("{times} {verb}: {}{next}", wait.text)
    };
    seen.into_iter().map(line).collect()
}

pub(crate) fn views(waits: &[(MigrationId, Wait)]) -> Value {
    let view = |(id, wait): &(MigrationId, Wait)| {
        let mut view = wait.view();
        if let Value::Object(fields) = &mut view {
            fields.insert("migration".to_owned(), json!(id));
        }
        view
    };
    waits.iter().map(view).collect()
}
