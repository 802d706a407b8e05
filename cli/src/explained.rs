//! Why a migration or a shard stands where it stands, in sentences and in JSON.

use serde_json::{Value, json};
use shardferry::tracker::{Explanation, ShardExplanation, left_ms};
use shardferry::{Cleanup, Migration, Settings, State, Status, TimestampMs};

use crate::names::Names;
use crate::waits::{self, Wait};
use crate::{show, text, view};

/// What happens next, and what somebody can do about it.
struct Next {
    text: String,
    todo: Option<String>,
}

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

fn next(why: &Explanation, waits: &[Wait]) -> Next {
    let migration = &why.migration;
    let id = migration.id;
    let nothing = |text: &str, todo: String| Next {
        text: text.to_owned(),
        todo: Some(todo),
    };
    match migration.status() {
        Status::Complete => match &why.cleanup {
            Some(copy) => nothing(
                "the old copy is removed",
                format!("shardferry cleanups run --node id:{}", copy.node),
            ),
            None => Next {
                text: format!(
                    "nothing: it is done (`shardferry reverse {id}` begins the way back)"
                ),
                todo: None,
            },
        },
        Status::Failed | Status::Cancelled => nothing(
            "nothing by itself: the source has the shard",
            format!("shardferry retry {id}"),
        ),
        Status::Pending | Status::InProgress | Status::Verifying => Next {
            text: next_of_active(why, waits),
            todo: waits
                .iter()
                .find_map(|wait| wait.todo.clone())
                .or_else(|| (!is_held(waits)).then(|| "shardferry run".to_owned())),
        },
    }
}

fn is_held(waits: &[Wait]) -> bool {
    waits.iter().any(|wait| wait.kind == "held")
}

fn next_of_active(why: &Explanation, waits: &[Wait]) -> String {
    let migration = &why.migration;
    if migration.cancel.is_some() {
        return "its executor, or the next one, lets writes go on and gives it up".to_owned();
    }
    if is_held(waits) {
        return "its executor goes on".to_owned();
    }
    if let [wait] = waits
        && wait.kind == "backing-off"
    {
        return format!(
            "it is tried again at {}",
            text::time(migration.not_before_ms)
        );
    }
    if waits.iter().any(|wait| wait.kind != "stalled") {
        return "it goes on when nothing of this is left".to_owned();
    }
    match (why.ahead, migration.status()) {
        (_, Status::InProgress | Status::Verifying) => {
            "an executor goes on with it, from what is safely copied".to_owned()
        }
        (0, _) => "an executor starts it".to_owned(),
        (ahead, _) => format!("an executor starts it, after {ahead} that are before it"),
    }
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

/// A shard for people.
pub(crate) fn shard(
    why: &ShardExplanation,
    now: TimestampMs,
    settings: &Settings,
    names: &Names,
) -> Vec<String> {
    let mut lines = Vec::new();
    match &why.shard {
        Some(shard) => {
            let pinned = if shard.pinned {
                ", pinned: no plan moves it"
            } else {
                ""
            };
            lines.push(format!(
                "shard {}: {} has it, {}, version {}{pinned}",
                names.shard_and_id(why.id),
                names.node_and_id(shard.owner),
                text::bytes(shard.bytes),
                shard.version
            ));
        }
        None => lines.push(format!("shard {} is not registered", why.id)),
    }
    if let Some(last) = &why.last_move {
        let (from, to) = (names.node_and_id(last.from), names.node_and_id(last.to));
        let until = text::time(last.at_ms.plus_ms(settings.cooldown_ms));
        lines.push(format!(
            "It moved last at {}, {from} -> {to} (migration {}); no plan sends it back before {until} \
             (cooldown_ms).",
            text::time(last.at_ms),
            last.migration
        ));
    }
    if let Some(entry) = &why.quarantine {
        let since = text::time(entry.at_ms);
        lines.push(format!(
            "It is set aside since {since}, after migration {}:",
            entry.migration
        ));
        for one in &entry.failures {
            lines.push(format!(
                "  {}: {} ({})",
                text::time(one.at_ms),
                one.reason,
                one.class
            ));
        }
        lines.push(format!(
            "to do: `shardferry retry {}` tries the same move again, `shardferry quarantine release \
             id:{}` lets it out",
            entry.migration, why.id
        ));
    }
    for copy in &why.cleanups {
        lines.push(cleanup_line(copy, now, names));
        lines.push(format!(
            "to do: shardferry cleanups run --node id:{}",
            copy.node
        ));
    }
    match &why.migration {
        Some(moving) => lines.extend(migration(moving, names)),
        None => lines.push("Nothing moves it now.".to_owned()),
    }
    lines
}

/// A shard for scripts.
pub(crate) fn shard_view(why: &ShardExplanation, settings: &Settings, names: &Names) -> Value {
    let moving = why.migration.as_ref();
    let last = why.last_move.as_ref().map(|last| {
        json!({
            "migration": last.migration,
            "from": last.from,
            "from_name": names.node_name(last.from),
            "to": last.to,
            "to_name": names.node_name(last.to),
            "at_ms": last.at_ms,
            "cooldown_until_ms": last.at_ms.plus_ms(settings.cooldown_ms),
        })
    });
    json!({
        "id": why.id,
        "shard": why.shard.as_ref()
            .map(|shard| view::shard(shard, moving.map(|one| &one.migration), names)),
        "pinned": why.shard.as_ref().is_some_and(|shard| shard.pinned),
        "migration": moving.map(|one| migration_view(one, names)),
        "last_move": last,
        "cleanups": why.cleanups.iter().map(|copy| view::cleanup(copy, names)).collect::<Value>(),
        "quarantine": why.quarantine.as_ref().map(|entry| view::quarantined(why.id, entry, names)),
    })
}
