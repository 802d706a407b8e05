use serde::{Deserialize, Serialize};

use crate::id::{Epoch, SessionId, TimestampMs};
use crate::text::{ExecutorName, Reason};

/// The claim of an executor on a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its fencing token.
    pub epoch: Epoch,
    /// Who holds it.
    pub executor: ExecutorName,
    /// The opening of the file in which it was claimed.
    pub session: SessionId,
    /// When it was claimed.
    pub claimed_at_ms: TimestampMs,
    /// Until when it holds without a sign of life.
    pub lease_until_ms: TimestampMs,
    /// When it last came further. The start of the attempt, before it did.
    pub moved_at_ms: TimestampMs,
    /// Whether the log says already that it has not come further for too long.
    pub stalled: bool,
}

/// What is known about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// Trying again may help.
    Retriable,
    /// Trying again will not help.
    Permanent,
    /// Whether it happened is not known. Never taken for failed.
    Unknown,
}

impl std::fmt::Display for FailureClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Retriable => "retriable",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
        })
    }
}

/// Why an attempt ended without success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The attempt.
    pub epoch: Epoch,
    /// When it ended.
    pub at_ms: TimestampMs,
    /// What is known.
    pub class: FailureClass,
    /// Why.
    pub reason: Reason,
}
