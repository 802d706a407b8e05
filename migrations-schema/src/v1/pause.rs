use serde::{Deserialize, Serialize};

use super::{Rule, VERSION};
use crate::codec::Record;
use crate::id::{MigrationId, NodeId, TimestampMs};
use crate::text::Reason;

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseScope {
    /// Every migration.
    Everything,
    /// Those from or to a node.
    Node(NodeId),
    /// One.
    Migration(MigrationId),
}

/// Why and since when something is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub at_ms: TimestampMs,
    /// Why.
    pub reason: Reason,
}

impl Record for Pause {
    type Key = PauseScope;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &PauseScope) -> Result<(), Rule> {
        Ok(())
    }
}
