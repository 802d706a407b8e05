use serde::{Deserialize, Serialize};

use super::{Failure, Migration, Rule, VERSION, rule};
use crate::codec::Record;
use crate::id::{MigrationId, ShardId, TimestampMs};

/// Why a shard is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Since when.
    pub at_ms: TimestampMs,
    /// The migration that failed last.
    pub migration: MigrationId,
    /// Its failed attempts, oldest first; at most [`Migration::FAILURES_MAX`].
    pub failures: Vec<Failure>,
}

impl Record for Quarantined {
    type Key = ShardId;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &ShardId) -> Result<(), Rule> {
        rule(
            self.failures.len() <= Migration::FAILURES_MAX,
            "at most 8 failures are remembered",
        )
    }
}
