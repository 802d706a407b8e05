//! `cleanups`, `last_moves`, `requests`, `pauses`, `quarantine`.

use migrations_schema::table;
use migrations_schema::text::{Reason, RequestKey};
use migrations_schema::v1::{
    Cleanup, CleanupKind, LastMove, Pause, PauseScope, Quarantined, Request,
};
use migrations_schema::{MigrationId, NodeId, ShardId, TimestampMs};
use uuid::Uuid;

use super::samples::{
    END_OF_TIME, LAST_NODE, NEW_YEAR, cleanup_kinds, failures, largest_failures, last_migration_id,
    longest_reason, longest_request, migration_id, pause_scopes,
};
use super::{Case, case};

const LAST_SHARD: ShardId = ShardId(u64::MAX);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cleanups();
    cases.extend(last_moves());
    cases.extend(requests());
    cases.extend(pauses());
    cases.extend(quarantine());
    cases
}

fn cleanups() -> Vec<Case> {
    let row = |name: &str, cleanup: Cleanup| {
        case(
            table::CLEANUPS,
            name,
            (cleanup.node, cleanup.shard),
            cleanup,
        )
    };
    let mut cases = vec![
        row("minimal", smallest_cleanup(CleanupKind::ReleaseSource)),
        row("maximal", largest_cleanup()),
    ];
    cases.extend(cleanup_kinds().into_iter().map(|(name, kind)| {
        let mut cleanup = smallest_cleanup(kind);
        cleanup.created_at_ms = NEW_YEAR;
        cleanup.not_before_ms = NEW_YEAR.plus_ms(60_000);
        cleanup.retry_at_ms = NEW_YEAR.plus_ms(90_000);
        cleanup.failed_attempts = 2;
        cleanup.last_error = Some(Reason::new("permission denied"));
        row(&format!("kind-{name}"), cleanup)
    }));
    let mut activated = smallest_cleanup(CleanupKind::ReleaseSource);
    activated.activated = true;
    cases.push(row("activated", activated));
    cases
}

fn smallest_cleanup(kind: CleanupKind) -> Cleanup {
    let (from, to) = (NodeId(0), NodeId(1));
    Cleanup {
        node: match kind {
            CleanupKind::ReleaseSource => from,
            CleanupKind::DiscardDestination => to,
        },
        shard: ShardId(0),
        kind,
        migration: MigrationId(Uuid::nil()),
        from,
        to,
        created_at_ms: TimestampMs(0),
        not_before_ms: TimestampMs(0),
        retry_at_ms: TimestampMs(0),
        failed_attempts: 0,
        last_error: None,
        activated: false,
    }
}

fn largest_cleanup() -> Cleanup {
    Cleanup {
        node: LAST_NODE,
        shard: LAST_SHARD,
        kind: CleanupKind::ReleaseSource,
        migration: last_migration_id(),
        from: LAST_NODE,
        to: NodeId(u64::MAX - 1),
        created_at_ms: END_OF_TIME,
        not_before_ms: END_OF_TIME,
        retry_at_ms: END_OF_TIME,
        failed_attempts: u32::MAX,
        last_error: Some(longest_reason()),
        activated: true,
    }
}

fn last_moves() -> Vec<Case> {
    let row = |name, shard, from, to, at_ms, migration| {
        let last = LastMove {
            from,
            to,
            at_ms,
            migration,
        };
        case(table::LAST_MOVES, name, shard, last)
    };
    let nil = MigrationId(Uuid::nil());
    let (zero, one, start) = (NodeId(0), NodeId(1), TimestampMs(0));
    let last = last_migration_id();
    vec![
        row("minimal", ShardId(0), zero, one, start, nil),
        row(
            "maximal",
            LAST_SHARD,
            NodeId(u64::MAX - 1),
            LAST_NODE,
            END_OF_TIME,
            last,
        ),
        row(
            "typical",
            ShardId(7),
            NodeId(1),
            NodeId(300),
            NEW_YEAR,
            migration_id(1),
        ),
    ]
}

fn requests() -> Vec<Case> {
    let row = |name, key, migration, shard, from, to| {
        let request = Request {
            migration,
            shard,
            from,
            to,
        };
        case(table::REQUESTS, name, key, request)
    };
    let key = |text: &str| RequestKey::new(text).unwrap();
    let nil = MigrationId(Uuid::nil());
    vec![
        row("minimal", key("a"), nil, ShardId(0), NodeId(0), NodeId(1)),
        row(
            "maximal",
            longest_request(),
            last_migration_id(),
            LAST_SHARD,
            NodeId(u64::MAX - 1),
            LAST_NODE,
        ),
        row(
            "typical",
            key("plan-17/3"),
            migration_id(1),
            ShardId(7),
            NodeId(1),
            NodeId(300),
        ),
    ]
}

fn pauses() -> Vec<Case> {
    let row = |name: &str, scope, at_ms, reason| {
        case(table::PAUSES, name, scope, Pause { at_ms, reason })
    };
    let last = PauseScope::Migration(last_migration_id());
    let mut cases = vec![
        row(
            "minimal",
            PauseScope::Everything,
            TimestampMs(0),
            Reason::new(""),
        ),
        row("maximal", last, END_OF_TIME, longest_reason()),
    ];
    cases.extend(pause_scopes().into_iter().map(|(name, scope)| {
        let reason = Reason::new("backup");
        row(&format!("scope-{name}"), scope, NEW_YEAR, reason)
    }));
    cases
}

fn quarantine() -> Vec<Case> {
    let row = |name, shard, at_ms, migration, failures| {
        let quarantined = Quarantined {
            at_ms,
            migration,
            failures,
        };
        case(table::QUARANTINE, name, shard, quarantined)
    };
    let nil = MigrationId(Uuid::nil());
    vec![
        row("minimal", ShardId(0), TimestampMs(0), nil, Vec::new()),
        row(
            "maximal",
            LAST_SHARD,
            END_OF_TIME,
            last_migration_id(),
            largest_failures(),
        ),
        row("classes", ShardId(7), NEW_YEAR, migration_id(1), failures()),
    ]
}
