use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
use crate::codec::Record;
use crate::id::{MigrationId, NodeId, ShardId};
use crate::text::RequestKey;

/// The migration that a request began, and what it asked for. Kept as long as the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The migration.
    pub migration: MigrationId,
    /// The shard that was asked for.
    pub shard: ShardId,
    /// The source that was asked for.
    pub from: NodeId,
    /// The destination that was asked for.
    pub to: NodeId,
}

impl Record for Request {
    type Key = RequestKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &RequestKey) -> Result<(), Rule> {
        rule(self.from != self.to, "source and destination differ")
    }
}
