//! Texts for people that more than one command prints.

use std::time::Duration;

use shardferry::executor::RunReport;
use shardferry::schema::v1::{Actor, Pause, PauseScope};
use shardferry::store::Snapshot;
use shardferry::tracker::left_ms;
use shardferry::{Event, Migration, Status};

use crate::names::Names;
use crate::registered::{Load, Loads};
use crate::table::table;
use crate::{pauses, text, view};

/// How wide a load bar is.
const BAR_CELLS: usize = 32;

/// The load of each node as a bar, on one scale.
pub(crate) fn loads(snapshot: &Snapshot) -> String {
    let loads = Loads::of(snapshot);
    let rows = snapshot.nodes.iter().map(|node| {
        let Load { shards, bytes } = loads.get(node.id);
        vec![
            node.name.to_string(),
            text::bar(bytes, loads.bytes_max(), BAR_CELLS),
            text::bytes(bytes),
            shards.to_string(),
        ]
    });
    table(&["node", "load", "bytes>", "shards>"], rows)
}

/// Migrations, one a line.
pub(crate) fn migrations(
    migrations: &[Migration],
    all_pauses: &[(PauseScope, Pause)],
    names: &Names,
) -> String {
    let rows = migrations.iter().map(|migration| {
        vec![
            migration.id.to_string(),
            names.shard(migration.shard),
            names.node(migration.from),
            names.node(migration.to),
            if pauses::is_paused(all_pauses, migration) {
                format!("{}, paused", status(migration))
            } else {
                status(migration)
            },
            progress(migration),
            left(migration),
            text::time(migration.created_at_ms),
        ]
    });
    let headers = [
        "id",
        "shard",
        "from",
        "to",
        "status",
        "progress>",
        "left",
        "begun",
    ];
    table(&headers, rows)
}

/// Where a migration stands, and what it waits for.
pub(crate) fn status(migration: &Migration) -> String {
    let status = migration.status();
    match status {
        Status::Pending | Status::InProgress | Status::Verifying if migration.cancel.is_some() => {
            format!("{status}, cancelling")
        }
        Status::Pending if migration.failed_attempts > 0 => {
            format!(
                "{status}, {} failed",
                text::count(migration.failed_attempts, "attempt")
            )
        }
        Status::Pending
        | Status::InProgress
        | Status::Verifying
        | Status::Complete
        | Status::Failed
        | Status::Cancelled => status.to_string(),
    }
}

/// `41.0 MiB of 120.0 MiB (34 %)`.
pub(crate) fn progress(migration: &Migration) -> String {
    let done = migration.progress.bytes_migrated;
    match migration.progress.bytes_total {
        Some(total) => format!(
            "{} of {} ({} %)",
            text::bytes(done),
            text::bytes(total),
            text::percent(done, total)
        ),
        None if done == 0 => String::new(),
        None => text::bytes(done),
    }
}

/// How long the rest takes and at which rate, of one that somebody works on: `35.0 s at 12.0 MiB/s`, or
/// `unknown`.
pub(crate) fn left(migration: &Migration) -> String {
    if migration.attempt.is_none() {
        return String::new();
    }
    eta(left_ms(migration), migration.progress.bytes_per_second)
}

/// A time that is left, and the rate that it rests on.
pub(crate) fn eta(left_ms: Option<u64>, bytes_per_second: u64) -> String {
    let left = left_ms.map_or_else(
        || "unknown".to_owned(),
        |ms| text::duration(Duration::from_millis(ms)),
    );
    match bytes_per_second {
        0 => left,
        rate => format!("{left} at {}/s", text::bytes(rate)),
    }
}

/// What happened, with what belongs to it: `begun (from=1, to=2, ...)`.
pub(crate) fn what(event: &Event) -> String {
    let (kind, details) = view::event_kind(event);
    match details.as_object() {
        Some(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("{kind} ({})", fields.join(", "))
        }
        None => kind,
    }
}

/// Who caused an event.
pub(crate) fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Caller => "caller".to_owned(),
        Actor::Executor(name) => name.to_string(),
        Actor::System => "system".to_owned(),
    }
}

/// An event on a line: position, time, what, of which shard and migration, who, and why.
pub(crate) fn event(event: &Event, names: &Names) -> String {
    let shard = event.shard.map(|shard| names.shard_and_id(shard));
    let migration = event
        .migration
        .map(|id| format!("migration {id} epoch {}", event.epoch));
    let cause = event.cause.to_string();
    let parts = [
        Some(event.seq.to_string()),
        Some(text::time(event.at_ms)),
        Some(what(event)),
        shard,
        migration,
        Some(format!("by {}", actor(&event.actor))),
        Some(cause).filter(|cause| !cause.is_empty()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// What a run did, and what is left.
pub(crate) fn run(report: &RunReport, names: &Names) -> String {
    let mut lines = vec![format!(
        "{} moved, {} in {}",
        text::count(report.completed, "shard"),
        text::bytes(report.bytes),
        text::duration(report.took),
    )];
    for (number, what) in [
        (report.failed, "migration failed"),
        (report.cancelled, "migration cancelled"),
        (report.retried, "attempt repeated"),
    ] {
        if number > 0 {
            lines.push(format!("{number} x {what}"));
        }
    }
    for migration in &report.unfinished {
        let line = format!(
            "unfinished: {} {} -> {} ({}) {}",
            names.shard(migration.shard),
            names.node(migration.from),
            names.node(migration.to),
            status(migration),
            progress(migration),
        );
        lines.push(line.trim_end().to_owned());
    }
    for cleanup in &report.cleanups {
        let why = cleanup.last_error.as_ref();
        lines.push(format!(
            "left on {}: {}, {}{}",
            names.node(cleanup.node),
            names.shard(cleanup.shard),
            cleanup.kind,
            why.map_or_else(String::new, |why| format!(" ({why})")),
        ));
    }
    lines.join("\n")
}
