//! Why a migration or a shard stands where it stands, in sentences and in JSON.

mod next;
mod shard;

use serde_json::{Value, json};
use shardferry::tracker::{Explanation, left_ms};
use shardferry::{Cleanup, Migration, State, TimestampMs};

use self::next::next;
use crate::names::Names;
use crate::waits::{self, Wait};
use crate::{show, text, view};

pub(crate) use shard::{shard, shard_view};

/// A migration for people.
pub(crate) fn migration(why: &Explanation, names: &Names) -> Vec<String> {
    let migration = &why.migration;
    let waits = waits::of(why, names);
    let (from, to) = (
        names.node_and_id(migration.from),
        names.node_and_id(migration.to),
    );
    let mut lines = vec![
        format!(
            "migration {}: {} {from} -> {to}",
            migration.id,
            names.shard_and_id(migration.shard)
        ),
        format!(
            "It is {}, since {}; it was begun {}{}.",
            show::status(migration),
            text::time(why.since_ms),
            text::time(migration.created_at_ms),
            because(&migration.reason.to_string())
        ),
    ];
    if let Some(far) = far(migration) {
        lines.push(far);
    }
    lines.extend(failures(migration));
    if !waits.is_empty() {
        lines.push("It waits:".to_owned());
        lines.extend(waits.iter().map(|wait| format!("  {}", wait.text)));
    }
    if !migration.status().is_terminal() {
        lines.push(match why.ahead {
            0 => "No other is before it.".to_owned(),
            1 => "1 other is before it.".to_owned(),
            ahead => format!("{ahead} others are before it."),
        });
    }
    let cleanup = why.cleanup.iter();
    lines.extend(cleanup.map(|copy| cleanup_line(copy, why.at_ms, names)));
    if why.quarantine.is_some() {
        lines.push("Its shard is set aside since then: nothing begins with it.".to_owned());
    }
    let next = next(why, &waits);
    lines.push(format!("next: {}", next.text));
    lines.extend(next.todo.map(|todo| format!("to do: {todo}")));
    lines
}

fn because(reason: &str) -> String {
    match reason.is_empty() {
        true => String::new(),
        false => format!(" ({reason})"),
    }
}

/// How far it is, of one that has started.
fn far(migration: &Migration) -> Option<String> {
    if migration.status().is_terminal() || migration.state.started_at_ms().is_none() {
        return None;
    }
    let progress = show::progress(migration);
    let progress = if progress.is_empty() {
        "nothing".to_owned()
    } else {
        progress
    };
    let saved = migration.checkpoint.as_ref();
    let saved = saved.map_or(0, |saved| saved.bytes_migrated);
    let left = show::eta(left_ms(migration), migration.progress.bytes_per_second);
    Some(format!(
        "It has copied {progress}, {} of it safely; left: {left}.",
        text::bytes(saved)
    ))
}

/// Each attempt that failed, and how it ended.
fn failures(migration: &Migration) -> Vec<String> {
    let failures = migration.failures.iter();
    let mut lines: Vec<String> = failures
        .map(|one| {
            let at = text::time(one.at_ms);
            format!(
                "Attempt {} failed at {at}: {} ({}).",
                one.epoch, one.reason, one.class
            )
        })
        .collect();
    match &migration.state {
        State::Failed { reason, class, .. } => {
            lines.push(format!("It was given up: {reason} ({class})."));
        }
        State::Cancelled { reason, .. } => lines.push(format!("It was called off: {reason}.")),
        State::Pending
        | State::InProgress { .. }
        | State::Verifying { .. }
        | State::Complete { .. } => {}
    }
    lines
}

/// A copy that has to go, and when it does.
fn cleanup_line(copy: &Cleanup, now: TimestampMs, names: &Names) -> String {
    let node = names.node_and_id(copy.node);
    let failed = copy.last_error.as_ref().map_or_else(String::new, |error| {
        format!(
            " ({} failed, the last: {error})",
            text::count(copy.failed_attempts, "attempt")
        )
    });
    let when = if copy.not_before_ms > now {
        format!(
            "it is kept until {} (cleanup_grace_ms)",
            text::time(copy.not_before_ms)
        )
    } else if copy.retry_at_ms > now {
        format!("it is tried again at {}", text::time(copy.retry_at_ms))
    } else {
        "`shardferry run` removes it".to_owned()
    };
    format!(
        "A copy on {node} has to go ({}): {when}{failed}.",
        copy.kind
    )
}

/// A migration for scripts.
pub(crate) fn migration_view(why: &Explanation, names: &Names) -> Value {
    let waits = waits::of(why, names);
    let next = next(why, &waits);
    json!({
        "at_ms": why.at_ms,
        "migration": view::migration(&why.migration, names),
        "since_ms": why.since_ms,
        "waits": waits.iter().map(Wait::view).collect::<Value>(),
        "ahead": why.ahead,
        "cleanup": why.cleanup.as_ref().map(|copy| view::cleanup(copy, names)),
        "quarantine": why.quarantine.as_ref()
            .map(|entry| view::quarantined(why.migration.shard, entry, names)),
        "next": next.text,
        "todo": next.todo,
    })
}
