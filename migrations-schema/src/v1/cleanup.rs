use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
use crate::codec::Record;
use crate::id::{MigrationId, NodeId, ShardId, TimestampMs};
use crate::text::Reason;

/// Why a copy has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CleanupKind {
    /// The migration cut over: the copy on its source is no longer the shard.
    ReleaseSource,
    /// The migration ended otherwise: what it copied to its destination is in the way.
    DiscardDestination,
}

impl std::fmt::Display for CleanupKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::ReleaseSource => "release the source copy",
            Self::DiscardDestination => "discard the destination copy",
        })
    }
}

/// A copy that has to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Where the copy is. Never the owner of the shard.
    pub node: NodeId,
    /// The shard.
    pub shard: ShardId,
    /// Why the copy has to go.
    pub kind: CleanupKind,
    /// The migration that left it.
    pub migration: MigrationId,
    /// The source of that migration.
    pub from: NodeId,
    /// The destination of that migration.
    pub to: NodeId,
    /// When it was left.
    pub created_at_ms: TimestampMs,
    /// The copy stays until this instant (grace).
    pub not_before_ms: TimestampMs,
    /// Nothing is tried before this instant (backoff).
    pub retry_at_ms: TimestampMs,
    /// How often settling it failed.
    pub failed_attempts: u32,
    /// Why it failed last.
    pub last_error: Option<Reason>,
    /// For a source to release: whether the destination is known to serve its copy. Until then
    /// the source copy stays.
    pub activated: bool,
}

impl Record for Cleanup {
    type Key = (NodeId, ShardId);
    const VERSION: u8 = VERSION;

    fn validate(&self, key: &(NodeId, ShardId)) -> Result<(), Rule> {
        rule(
            (self.node, self.shard) == *key,
            "a cleanup is stored under its node and shard",
        )?;
        rule(self.from != self.to, "source and destination differ")?;
        rule(
            !(self.activated && self.kind == CleanupKind::DiscardDestination),
            "a copy that is discarded never served",
        )?;
        let copy = match self.kind {
            CleanupKind::ReleaseSource => self.from,
            CleanupKind::DiscardDestination => self.to,
        };
        rule(
            self.node == copy,
            "a cleanup names the source after a cutover and else the destination",
        )
    }
}
