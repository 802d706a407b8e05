use serde::{Deserialize, Serialize};

use crate::id::TimestampMs;
use crate::text::Checkpoint;

/// How far the current attempt is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes copied; never goes back within an attempt.
    pub bytes_migrated: u64,
    /// Bytes to copy, once they are known.
    pub bytes_total: Option<u64>,
    /// When progress was last reported; zero before the first report.
    pub updated_at_ms: TimestampMs,
    /// When the rate was last measured.
    pub sampled_at_ms: TimestampMs,
    /// The bytes at that instant.
    pub sampled_bytes: u64,
    /// Bytes per second, smoothed over the measurements; zero when unknown.
    pub bytes_per_second: u64,
}

/// Where a copy can go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedCheckpoint {
    /// The mover's cursor.
    pub cursor: Checkpoint,
    /// The bytes that are safe at the destination at this cursor.
    pub bytes_migrated: u64,
}
