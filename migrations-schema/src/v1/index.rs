//! Rows that follow from others, and the last move of each shard.

use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
use crate::codec::Record;
use crate::id::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::key::SlotScope;
use crate::text::{NodeName, RangeKey, ShardName};

macro_rules! record {
    ($name:ident under $key:ty) => {
        impl Record for $name {
            type Key = $key;
            const VERSION: u8 = VERSION;

            fn validate(&self, _: &$key) -> Result<(), Rule> {
                Ok(())
            }
        }
    };
}

/// The node of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeNameEntry {
    /// The node.
    pub node: NodeId,
}
record!(NodeNameEntry under NodeName);

/// The shard of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardNameEntry {
    /// The shard.
    pub shard: ShardId,
}
record!(ShardNameEntry under ShardName);

/// The shard whose key range starts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeEntry {
    /// The shard.
    pub shard: ShardId,
}
record!(RangeEntry under RangeKey);

/// A copy of a shard that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// The node owns the shard.
    Owner,
    /// The node has a further copy.
    Replica,
}
record!(Placement under (NodeId, ShardId));

/// The one migration under way of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveShard {
    /// The migration.
    pub migration: MigrationId,
}
record!(ActiveShard under ShardId);

/// An event is about a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationEvent;
record!(MigrationEvent under (MigrationId, EventSeq));

/// A migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished;
record!(Finished under (TimestampMs, MigrationId));

/// How many migrations executors drive in a scope. A row that would be zero is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// How many.
    pub count: u64,
}

impl Record for InFlight {
    type Key = SlotScope;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &SlotScope) -> Result<(), Rule> {
        rule(self.count >= 1, "a count of zero is an absent row")
    }
}

/// The last cutover of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMove {
    /// The node that it left.
    pub from: NodeId,
    /// The node that it went to.
    pub to: NodeId,
    /// When.
    pub at_ms: TimestampMs,
    /// The migration.
    pub migration: MigrationId,
}

impl Record for LastMove {
    type Key = ShardId;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &ShardId) -> Result<(), Rule> {
        rule(self.from != self.to, "source and destination differ")
    }
}
