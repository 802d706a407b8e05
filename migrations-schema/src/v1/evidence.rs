use serde::{Deserialize, Serialize};

use crate::id::{Epoch, TimestampMs};
use crate::text::{Algorithm, Digest};

/// What was found on one side of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Files, rows, keys: whatever the mover counts.
    pub items: u64,
    /// Bytes.
    pub bytes: u64,
    /// The digest of all of it.
    pub digest: Digest,
}

/// The proof that the copy is the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The attempt that gathered it.
    pub epoch: Epoch,
    /// When.
    pub at_ms: TimestampMs,
    /// How the digests were made.
    pub algorithm: Algorithm,
    /// The original.
    pub source: Side,
    /// The copy.
    pub destination: Side,
}

impl Evidence {
    /// Whether both sides are the same.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.source == self.destination
    }
}
