//! Ids, times and texts that the cases share.

use migrations_schema::text::{
    Address, Algorithm, Checkpoint, Digest, ExecutorName, NodeName, RangeKey, Reason, RequestKey,
    ShardName, Zone,
};
use migrations_schema::v1::{
    Attempt, CleanupKind, Evidence, Failure, FailureClass, NodeState, PauseScope, Side, Trigger,
};
use migrations_schema::{Epoch, FileId, MigrationId, NodeId, SessionId, TimestampMs};
use uuid::Uuid;

use super::variants;

/// 2026-01-01 00:00:00 UTC.
pub(super) const NEW_YEAR: TimestampMs = TimestampMs(1_767_225_600_000);
pub(super) const END_OF_TIME: TimestampMs = TimestampMs(u64::MAX);
pub(super) const LAST_NODE: NodeId = NodeId(u64::MAX);

/// A UUID of version 7 of that instant, ending in `last`.
pub(super) fn uuid(last: u8) -> Uuid {
    Uuid::from_bytes([
        0x01, 0x9b, 0x76, 0xda, 0xa8, 0x00, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, last,
    ])
}

pub(super) fn migration_id(last: u8) -> MigrationId {
    MigrationId(uuid(last))
}

pub(super) fn last_migration_id() -> MigrationId {
    MigrationId(Uuid::max())
}

pub(super) fn file_id() -> FileId {
    FileId(uuid(0xf1))
}

pub(super) fn session_id() -> SessionId {
    SessionId(uuid(0x5e))
}

/// Two bytes per character, so that lengths are seen to count bytes.
fn wide(bytes: usize) -> String {
    let mut text = "é".repeat(bytes / 2);
    text.push_str(&"x".repeat(bytes % 2));
    text
}

pub(super) fn node_name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

pub(super) fn longest_node_name() -> NodeName {
    NodeName::new(wide(NodeName::MAX_BYTES)).unwrap()
}

pub(super) fn longest_address() -> Address {
    Address::new("x".repeat(Address::MAX_BYTES)).unwrap()
}

pub(super) fn longest_zone() -> Zone {
    Zone::new(wide(Zone::MAX_BYTES)).unwrap()
}

pub(super) fn longest_executor() -> ExecutorName {
    ExecutorName::new("x".repeat(ExecutorName::MAX_BYTES)).unwrap()
}

pub(super) fn longest_request() -> RequestKey {
    RequestKey::new(wide(RequestKey::MAX_BYTES)).unwrap()
}

pub(super) fn longest_reason() -> Reason {
    Reason::new("x".repeat(Reason::MAX_BYTES))
}

pub(super) fn shard_name(bytes: &[u8]) -> ShardName {
    ShardName::new(bytes).unwrap()
}

pub(super) fn longest_shard_name() -> ShardName {
    ShardName::new([0xff; ShardName::MAX_BYTES]).unwrap()
}

pub(super) fn range_key(bytes: &[u8]) -> RangeKey {
    RangeKey::new(bytes).unwrap()
}

pub(super) fn longest_range_key(byte: u8) -> RangeKey {
    RangeKey::new(vec![byte; RangeKey::MAX_BYTES]).unwrap()
}

pub(super) fn longest_checkpoint() -> Checkpoint {
    Checkpoint::new(vec![0xff; Checkpoint::MAX_BYTES]).unwrap()
}

pub(super) fn attempt(epoch: u64) -> Attempt {
    Attempt {
        epoch: Epoch(epoch),
        executor: ExecutorName::new("host-1").unwrap(),
        session: session_id(),
        claimed_at_ms: NEW_YEAR,
        lease_until_ms: NEW_YEAR.plus_ms(30_000),
        moved_at_ms: NEW_YEAR.plus_ms(900),
        stalled: false,
    }
}

pub(super) fn largest_attempt() -> Attempt {
    Attempt {
        epoch: Epoch(u64::MAX),
        executor: longest_executor(),
        session: SessionId(Uuid::max()),
        claimed_at_ms: END_OF_TIME,
        lease_until_ms: END_OF_TIME,
        moved_at_ms: END_OF_TIME,
        stalled: true,
    }
}

pub(super) fn largest_failures() -> Vec<Failure> {
    (0..8)
        .map(|_| Failure {
            epoch: Epoch(u64::MAX),
            at_ms: END_OF_TIME,
            class: FailureClass::Unknown,
            reason: longest_reason(),
        })
        .collect()
}

/// One of each class.
pub(super) fn failures() -> Vec<Failure> {
    (1..)
        .zip(classes())
        .map(|(epoch, (name, class))| Failure {
            epoch: Epoch(epoch),
            at_ms: NEW_YEAR.plus_ms(epoch),
            class,
            reason: Reason::new(name),
        })
        .collect()
}

pub(super) fn largest_evidence() -> Evidence {
    let side = |digest: u8| Side {
        items: u64::MAX,
        bytes: u64::MAX,
        digest: Digest::new([digest; Digest::MAX_BYTES]).unwrap(),
    };
    Evidence {
        epoch: Epoch(u64::MAX),
        at_ms: END_OF_TIME,
        algorithm: Algorithm::new("x".repeat(Algorithm::MAX_BYTES)).unwrap(),
        source: side(0xff),
        destination: side(0xfe),
    }
}

pub(super) fn classes() -> Vec<(&'static str, FailureClass)> {
    variants! { FailureClass;
        FailureClass::Retriable => "retriable": FailureClass::Retriable,
        FailureClass::Permanent => "permanent": FailureClass::Permanent,
        FailureClass::Unknown => "unknown": FailureClass::Unknown,
    }
}

pub(super) fn triggers() -> Vec<(&'static str, Trigger)> {
    variants! { Trigger;
        Trigger::Manual => "manual": Trigger::Manual,
        Trigger::Rebalance => "rebalance": Trigger::Rebalance,
        Trigger::Drain => "drain": Trigger::Drain,
        Trigger::Reverse => "reverse": Trigger::Reverse,
    }
}

pub(super) fn node_states() -> Vec<(&'static str, NodeState)> {
    variants! { NodeState;
        NodeState::Active => "active": NodeState::Active,
        NodeState::Draining => "draining": NodeState::Draining,
        NodeState::Down => "down": NodeState::Down,
        NodeState::NoAccept => "no-accept": NodeState::NoAccept,
    }
}

pub(super) fn cleanup_kinds() -> Vec<(&'static str, CleanupKind)> {
    variants! { CleanupKind;
        CleanupKind::ReleaseSource => "release-source": CleanupKind::ReleaseSource,
        CleanupKind::DiscardDestination => "discard-destination": CleanupKind::DiscardDestination,
    }
}

pub(super) fn pause_scopes() -> Vec<(&'static str, PauseScope)> {
    variants! { PauseScope;
        PauseScope::Everything => "everything": PauseScope::Everything,
        PauseScope::Node(_) => "node": PauseScope::Node(NodeId(300)),
        PauseScope::Migration(_) => "migration": PauseScope::Migration(migration_id(1)),
    }
}
