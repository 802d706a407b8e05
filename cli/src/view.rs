//! The JSON shapes (docs/CLI.md). Written out by hand: the records on disk may grow, what scripts
//! read stays.

use serde_json::{Value, json};
use shardferry::executor::RunReport;
use shardferry::schema::v1::{Evidence, Failure, Pause, PauseScope, Quarantined, Side};
use shardferry::tracker::check::{TableRows, Violation};
use shardferry::tracker::left_ms;
use shardferry::{Cleanup, Event, Migration, Node, Shard, ShardId, State};

use crate::names::Names;
use crate::registered::Loads;
use crate::{pauses, text};

pub(crate) fn node(node: &Node, loads: &Loads) -> Value {
    let load = loads.get(node.id);
    json!({
        "id": node.id,
        "name": node.name,
        "path": node.address,
        "zone": node.zone,
        "state": node.state,
        "scan": node.scan,
        "capacity_bytes": node.capacity_bytes,
        "shards": load.shards,
        "bytes": load.bytes,
    })
}

pub(crate) fn shard(shard: &Shard, moving: Option<&Migration>, names: &Names) -> Value {
    json!({
        "id": shard.id,
        "name": shard.name.to_string(),
        "node": shard.owner,
        "node_name": names.node_name(shard.owner),
        "range": shard.range.as_ref().map(|range| json!({
            "start": range.start.to_string(),
            "end": range.end.as_ref().map(ToString::to_string),
        })),
        "replicas": shard.replicas,
        "keys": shard.keys,
        "bytes": shard.bytes,
        "load": shard.load,
        "version": shard.version,
        "migration": moving.map(|migration| migration.id),
    })
}

pub(crate) fn migration(migration: &Migration, names: &Names) -> Value {
    let (class, end_reason) = match &migration.state {
        State::Failed { class, reason, .. } => (Some(class), Some(reason)),
        State::Cancelled { reason, .. } => (None, Some(reason)),
        State::Pending
        | State::InProgress { .. }
        | State::Verifying { .. }
        | State::Complete { .. } => (None, None),
    };
    let failures: Vec<Value> = migration.failures.iter().map(failure).collect();
    json!({
        "id": migration.id,
        "shard": migration.shard,
        "shard_name": names.shard_name(migration.shard),
        "from": migration.from,
        "from_name": names.node_name(migration.from),
        "to": migration.to,
        "to_name": names.node_name(migration.to),
        "status": migration.status().as_str(),
        "end": end_reason.map(|reason| json!({ "class": class, "reason": reason })),
        "created_at_ms": migration.created_at_ms,
        "started_at_ms": migration.state.started_at_ms(),
        "finished_at_ms": migration.state.finished_at_ms(),
        "bytes_migrated": migration.progress.bytes_migrated,
        "bytes_total": migration.progress.bytes_total,
        "bytes_per_second": migration.progress.bytes_per_second,
        "left_ms": left_ms(migration),
        "stalled": migration.attempt.as_ref().is_some_and(|attempt| attempt.stalled),
        "checkpoint_bytes": migration.checkpoint.as_ref().map(|saved| saved.bytes_migrated),
        "epoch": migration.epoch,
        "executor": migration.attempt.as_ref().map(|attempt| &attempt.executor),
        "failed_attempts": migration.failed_attempts,
        "failures": failures,
        "not_before_ms": migration.not_before_ms,
        "evidence": migration.evidence.as_ref().map(evidence),
        "fenced_at_ms": migration.fenced_at_ms,
        "cancelling": migration.cancel.is_some(),
        "priority": migration.priority,
        "trigger": migration.trigger,
        "reason": migration.reason,
        "request_key": migration.request,
        "shard_version": migration.shard_version,
        "reverse_of": migration.reverse_of,
    })
}

/// As [`migration`], with what holds it back.
pub(crate) fn with_pauses(
    one: &Migration,
    all_pauses: &[(PauseScope, Pause)],
    names: &Names,
) -> Value {
    let mut view = migration(one, names);
    if let Value::Object(fields) = &mut view {
        let holds = |(scope, _): &&(PauseScope, Pause)| {
            !one.status().is_terminal() && pauses::holds(*scope, one)
        };
        let paused = all_pauses.iter().filter(holds);
        let paused = paused.map(|(scope, pause)| pauses::view(*scope, pause, names));
        fields.insert("paused".to_owned(), paused.collect());
    }
    view
}

pub(crate) fn quarantined(shard: ShardId, entry: &Quarantined, names: &Names) -> Value {
    json!({
        "shard": shard,
        "shard_name": names.shard_name(shard),
        "at_ms": entry.at_ms,
        "migration": entry.migration,
        "failures": entry.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "epoch": failure.epoch,
        "at_ms": failure.at_ms,
        "class": failure.class,
        "reason": failure.reason,
    })
}

fn evidence(evidence: &Evidence) -> Value {
    json!({
        "epoch": evidence.epoch,
        "at_ms": evidence.at_ms,
        "algorithm": evidence.algorithm,
        "matches": evidence.matches(),
        "source": side(&evidence.source),
        "destination": side(&evidence.destination),
    })
}

fn side(side: &Side) -> Value {
    json!({
        "items": side.items,
        "bytes": side.bytes,
        "digest": text::hex(side.digest.as_bytes()),
    })
}

pub(crate) fn event(event: &Event) -> Value {
    let (kind, details) = event_kind(event);
    json!({
        "seq": event.seq,
        "at_ms": event.at_ms,
        "kind": kind,
        "details": details,
        "migration": event.migration,
        "shard": event.shard,
        "epoch": event.epoch,
        "actor": event.actor,
        "cause": event.cause,
    })
}

/// The name of what happened, and what belongs to it.
pub(crate) fn event_kind(event: &Event) -> (String, Value) {
    match serde_json::to_value(&event.kind) {
        Ok(Value::String(kind)) => (kind, Value::Null),
        Ok(Value::Object(fields)) => fields
            .into_iter()
            .next()
            .unwrap_or_else(|| ("unknown".to_owned(), Value::Null)),
        Ok(other) => ("unknown".to_owned(), other),
        Err(error) => ("unknown".to_owned(), Value::String(error.to_string())),
    }
}

pub(crate) fn cleanup(cleanup: &Cleanup, names: &Names) -> Value {
    json!({
        "node": cleanup.node,
        "node_name": names.node_name(cleanup.node),
        "shard": cleanup.shard,
        "shard_name": names.shard_name(cleanup.shard),
        "kind": cleanup.kind,
        "migration": cleanup.migration,
        "created_at_ms": cleanup.created_at_ms,
        "not_before_ms": cleanup.not_before_ms,
        "retry_at_ms": cleanup.retry_at_ms,
        "activated": cleanup.activated,
        "failed_attempts": cleanup.failed_attempts,
        "last_error": cleanup.last_error,
    })
}

pub(crate) fn violation(violation: &Violation) -> Value {
    json!({
        "invariant": violation.invariant,
        "table": violation.table,
        "key": violation.key,
        "rule": violation.rule,
    })
}

/// How many rows each table has: `{"meta": 1, ...}`.
pub(crate) fn tables(tables: &[TableRows]) -> Value {
    let tables = tables.iter();
    tables
        .map(|table| (table.table.to_owned(), Value::from(table.rows)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub(crate) fn run(report: &RunReport, names: &Names) -> Value {
    let unfinished = report.unfinished.iter();
    let cleanups = report.cleanups.iter();
    json!({
        "completed": report.completed,
        "failed": report.failed,
        "cancelled": report.cancelled,
        "retried": report.retried,
        "settled": report.settled,
        "bytes": report.bytes,
        "took_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        "stopped": report.stopped,
        "unfinished": unfinished.map(|one| migration(one, names)).collect::<Vec<_>>(),
        "cleanups": cleanups.map(|one| cleanup(one, names)).collect::<Vec<_>>(),
    })
}
