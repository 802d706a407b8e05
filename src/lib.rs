#![doc = include_str!("../README.md")]

pub mod executor;
pub mod machine;
pub mod movers;
pub mod planner;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod tracker;

/// The on-disk format: ids, records and their limits.
pub use migrations_schema as schema;

pub use schema::v1::{
    Cleanup, CleanupKind, Event, EventKind, KeyRange, Migration, Node, NodeState, Settings, Shard,
    State, Status, Verification,
};
pub use schema::{Epoch, EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
pub use tracker::{CancelOutcome, MigrationTracker, compute_rebalance_plan};
