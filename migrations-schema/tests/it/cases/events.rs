//! `events`.

use migrations_schema::table;
use migrations_schema::text::{ExecutorName, Reason};
use migrations_schema::v1::{
    Actor, CleanupKind, Event, EventKind, FailureClass, NodeState, PauseScope, Trigger,
};
use migrations_schema::{Epoch, EventSeq, NodeId, ShardId, TimestampMs};

use super::samples::{
    END_OF_TIME, LAST_NODE, NEW_YEAR, classes, cleanup_kinds, last_migration_id, longest_executor,
    longest_reason, migration_id, node_states, pause_scopes, triggers,
};
use super::{Case, case, variants};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        row("minimal", smallest()),
        row("maximal", largest()),
        row("typical", typical(EventKind::Claimed)),
    ];
    cases.extend(actors().into_iter().map(|(name, actor)| {
        let mut event = smallest();
        event.actor = actor;
        row(&format!("actor-{name}"), event)
    }));
    cases.extend(
        kinds()
            .into_iter()
            .map(|(name, kind)| row(&format!("kind-{name}"), typical(kind))),
    );
    cases.extend(nested());
    cases
}

fn row(name: &str, event: Event) -> Case {
    case(table::EVENTS, name, event.seq, event)
}

fn smallest() -> Event {
    Event {
        seq: EventSeq(1),
        at_ms: TimestampMs(0),
        migration: None,
        shard: None,
        epoch: Epoch(0),
        actor: Actor::Caller,
        cause: Reason::new(""),
        kind: EventKind::Started,
    }
}

fn largest() -> Event {
    Event {
        seq: EventSeq(u64::MAX),
        at_ms: END_OF_TIME,
        migration: Some(last_migration_id()),
        shard: Some(ShardId(u64::MAX)),
        epoch: Epoch(u64::MAX),
        actor: Actor::Executor(longest_executor()),
        cause: longest_reason(),
        kind: EventKind::Begun {
            from: LAST_NODE,
            to: LAST_NODE,
            trigger: Trigger::Reverse,
        },
    }
}

fn typical(kind: EventKind) -> Event {
    Event {
        seq: EventSeq(42),
        at_ms: NEW_YEAR,
        migration: Some(migration_id(1)),
        shard: Some(ShardId(7)),
        epoch: Epoch(1),
        actor: Actor::Executor(ExecutorName::new("host-1").unwrap()),
        cause: Reason::new("why"),
        kind,
    }
}

fn actors() -> Vec<(&'static str, Actor)> {
    variants! { Actor;
        Actor::Caller => "caller": Actor::Caller,
        Actor::Executor(_) => "executor": Actor::Executor(ExecutorName::new("host-1").unwrap()),
        Actor::System => "system": Actor::System,
    }
}

/// Each kind once.
fn kinds() -> Vec<(&'static str, EventKind)> {
    use EventKind as K;
    let (from, to, node, owner) = (NodeId(1), NodeId(300), NodeId(300), NodeId(1));
    let (trigger, class) = (Trigger::Rebalance, FailureClass::Retriable);
    let (not_before_ms, retry_at_ms) = (NEW_YEAR.plus_ms(1_000), NEW_YEAR.plus_ms(2_000));
    let (kind, scope) = (CleanupKind::ReleaseSource, PauseScope::Node(NodeId(300)));
    let state = NodeState::Draining;
    variants! { EventKind;
        K::Begun { .. } => "begun": K::Begun { from, to, trigger },
        K::Started => "started": K::Started,
        K::Claimed => "claimed": K::Claimed,
        K::Fenced => "fenced": K::Fenced,
        K::Unfenced => "unfenced": K::Unfenced,
        K::VerificationBegun => "verification-begun": K::VerificationBegun,
        K::EvidenceSubmitted { .. } => "evidence-submitted": K::EvidenceSubmitted { matches: true },
        K::CancelRequested => "cancel-requested": K::CancelRequested,
        K::AttemptFailed { .. } => "attempt-failed": K::AttemptFailed { class, not_before_ms },
        K::AttemptReleased => "attempt-released": K::AttemptReleased,
        K::Completed { .. } => "completed": K::Completed { verified: true },
        K::Failed { .. } => "failed": K::Failed { class },
        K::Cancelled => "cancelled": K::Cancelled,
        K::ReportFenced { .. } => "report-fenced": K::ReportFenced { got: Epoch(2) },
        K::LeaseExpired => "lease-expired": K::LeaseExpired,
        K::Stalled => "stalled": K::Stalled,
        K::Activated => "activated": K::Activated,
        K::CleanupFailed { .. } => "cleanup-failed": K::CleanupFailed { node, retry_at_ms },
        K::CleanupSettled { .. } => "cleanup-settled": K::CleanupSettled { node, kind },
        K::CleanupForgiven { .. } => "cleanup-forgiven": K::CleanupForgiven { node },
        K::Paused { .. } => "paused": K::Paused { scope },
        K::Resumed { .. } => "resumed": K::Resumed { scope },
        K::Quarantined => "quarantined": K::Quarantined,
        K::QuarantineReleased => "quarantine-released": K::QuarantineReleased,
        K::NodeRegistered { .. } => "node-registered": K::NodeRegistered { node, state },
        K::NodeUpdated { .. } => "node-updated": K::NodeUpdated { node, state },
        K::NodeRemoved { .. } => "node-removed": K::NodeRemoved { node },
        K::ShardRegistered { .. } => "shard-registered": K::ShardRegistered { owner },
        K::ShardRemoved { .. } => "shard-removed": K::ShardRemoved { owner },
        K::SettingsChanged => "settings-changed": K::SettingsChanged,
        K::VerificationWaived => "verification-waived": K::VerificationWaived,
        K::RowForgiven { .. } => "row-forgiven": K::RowForgiven { table: 9 },
        K::RetryRequested => "retry-requested": K::RetryRequested,
        K::CleanupHurried { .. } => "cleanup-hurried": K::CleanupHurried { node: NodeId(300) },
    }
}

/// Each value of the enums and booleans inside the kinds.
fn nested() -> Vec<Case> {
    let node = NodeId(2);
    let mut kinds: Vec<(String, EventKind)> = Vec::new();
    let mut add = |outer: &str, inner: &str, kind| kinds.push((format!("{outer}-{inner}"), kind));
    for (name, trigger) in triggers() {
        let (from, to) = (NodeId(1), node);
        add("begun", name, EventKind::Begun { from, to, trigger });
    }
    for (name, class) in classes() {
        let not_before_ms = TimestampMs(0);
        let failed = EventKind::AttemptFailed {
            class,
            not_before_ms,
        };
        add("attempt-failed", name, failed);
        add("failed", name, EventKind::Failed { class });
    }
    for (name, kind) in cleanup_kinds() {
        let settled = EventKind::CleanupSettled { node, kind };
        add("cleanup-settled", name, settled);
    }
    for (name, scope) in pause_scopes() {
        add("paused", name, EventKind::Paused { scope });
        add("resumed", name, EventKind::Resumed { scope });
    }
    for (name, state) in node_states() {
        let registered = EventKind::NodeRegistered { node, state };
        add("node-registered", name, registered);
        add("node-updated", name, EventKind::NodeUpdated { node, state });
    }
    let differs = EventKind::EvidenceSubmitted { matches: false };
    add("evidence-submitted", "differs", differs);
    let unverified = EventKind::Completed { verified: false };
    add("completed", "unverified", unverified);
    kinds
        .into_iter()
        .map(|(name, kind)| row(&name, typical(kind)))
        .collect()
}
