use serde::{Deserialize, Serialize};

use super::{
    Attempt, Evidence, Failure, FailureClass, Progress, Rule, SavedCheckpoint, VERSION, rule,
};
use crate::codec::Record;
use crate::id::{Epoch, MigrationId, NodeId, ShardId, TimestampMs};
use crate::text::{Reason, RequestKey};

/// What began a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// A call of the library or an operator's command.
    Manual,
    /// A plan that balances the nodes.
    Rebalance,
    /// A node that is to be emptied.
    Drain,
    /// The way back of an earlier migration.
    Reverse,
}

/// Where a migration stands, with what holds there.
///
/// ```text
/// Pending --start--> InProgress --begin_verification--> Verifying --complete--> Complete
///    |                   |  ^------- new attempt ----------|
///    '----- fail / cancel -+--------------------------------'  --> Failed | Cancelled
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Begun; nothing was copied yet.
    Pending,
    /// Being copied.
    InProgress {
        /// When the copy first started.
        started_at_ms: TimestampMs,
    },
    /// Copied, and being compared.
    Verifying {
        /// When the copy first started.
        started_at_ms: TimestampMs,
        /// When the comparison started.
        verifying_at_ms: TimestampMs,
    },
    /// Cut over: the destination owns the shard.
    Complete {
        /// When the copy first started.
        started_at_ms: TimestampMs,
        /// When it was cut over.
        finished_at_ms: TimestampMs,
    },
    /// Given up; the source owns the shard.
    Failed {
        /// When the copy first started, if it did.
        started_at_ms: Option<TimestampMs>,
        /// When.
        finished_at_ms: TimestampMs,
        /// What is known.
        class: FailureClass,
        /// Why.
        reason: Reason,
    },
    /// Called off; the source owns the shard.
    Cancelled {
        /// When the copy first started, if it did.
        started_at_ms: Option<TimestampMs>,
        /// When.
        finished_at_ms: TimestampMs,
        /// Why.
        reason: Reason,
    },
}

impl State {
    /// The state without what holds in it.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Pending => Status::Pending,
            Self::InProgress { .. } => Status::InProgress,
            Self::Verifying { .. } => Status::Verifying,
            Self::Complete { .. } => Status::Complete,
            Self::Failed { .. } => Status::Failed,
            Self::Cancelled { .. } => Status::Cancelled,
        }
    }

    /// When the migration ended, if it did.
    #[must_use]
    pub const fn finished_at_ms(&self) -> Option<TimestampMs> {
        match self {
            Self::Pending | Self::InProgress { .. } | Self::Verifying { .. } => None,
            Self::Complete { finished_at_ms, .. }
            | Self::Failed { finished_at_ms, .. }
            | Self::Cancelled { finished_at_ms, .. } => Some(*finished_at_ms),
        }
    }

    /// When the copy first started, if it did.
    #[must_use]
    pub const fn started_at_ms(&self) -> Option<TimestampMs> {
        match self {
            Self::Pending => None,
            Self::Failed { started_at_ms, .. } | Self::Cancelled { started_at_ms, .. } => {
                *started_at_ms
            }
            Self::InProgress { started_at_ms }
            | Self::Verifying { started_at_ms, .. }
            | Self::Complete { started_at_ms, .. } => Some(*started_at_ms),
        }
    }
}

/// The name of a [`State`]. Not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// See [`State::Pending`].
    Pending,
    /// See [`State::InProgress`].
    InProgress,
    /// See [`State::Verifying`].
    Verifying,
    /// See [`State::Complete`].
    Complete,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::Cancelled`].
    Cancelled,
}

impl Status {
    /// Every status, in the order of the diagram.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::InProgress,
        Self::Verifying,
        Self::Complete,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::InProgress | Self::Verifying => false,
            Self::Complete | Self::Failed | Self::Cancelled => true,
        }
    }

    /// The name: `in-progress` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in-progress",
            Self::Verifying => "verifying",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// An operator's wish that the executor has not yet acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// When it was made.
    pub at_ms: TimestampMs,
    /// Why.
    pub reason: Reason,
}

/// One move of one shard from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its id.
    pub id: MigrationId,
    /// The shard that moves.
    pub shard: ShardId,
    /// The node that owns the shard until the cutover.
    pub from: NodeId,
    /// The node that owns it afterwards.
    pub to: NodeId,
    /// Where it stands.
    pub state: State,
    /// When it was begun.
    pub created_at_ms: TimestampMs,
    /// The newest fencing token; zero before the first claim.
    pub epoch: Epoch,
    /// The newest epoch of which a late report was refused; zero when none was.
    pub refused_epoch: Epoch,
    /// The executor that holds it now.
    pub attempt: Option<Attempt>,
    /// How many attempts failed. A crash or a graceful stop is not a failure.
    pub failed_attempts: u32,
    /// The latest failed attempts, oldest first; at most [`Self::FAILURES_MAX`].
    pub failures: Vec<Failure>,
    /// Not to be claimed before this instant (backoff).
    pub not_before_ms: TimestampMs,
    /// How far the current attempt is.
    pub progress: Progress,
    /// Where a copy can go on.
    pub checkpoint: Option<SavedCheckpoint>,
    /// The latest proof.
    pub evidence: Option<Evidence>,
    /// Since when writes to the source may be stopped. Set before the mover stops them.
    pub fenced_at_ms: Option<TimestampMs>,
    /// A cancellation that waits for the executor.
    pub cancel: Option<CancelRequest>,
    /// Higher goes first.
    pub priority: i32,
    /// What began it.
    pub trigger: Trigger,
    /// Why it was begun.
    pub reason: Reason,
    /// The caller's name for the request.
    pub request: Option<RequestKey>,
    /// The version of the registered shard when it was begun. `None`: not registered.
    pub shard_version: Option<u64>,
    /// The migration whose way back this is.
    pub reverse_of: Option<MigrationId>,
}

impl Migration {
    /// Most failed attempts that are remembered.
    pub const FAILURES_MAX: usize = 8;

    /// Where it stands, without what holds there.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.state.status()
    }

    /// Whether an executor has claimed it, alive or not, and it counts against the limits.
    #[must_use]
    pub const fn holds_slot(&self) -> bool {
        self.attempt.is_some()
    }
}

impl Record for Migration {
    type Key = MigrationId;
    const VERSION: u8 = VERSION;

    fn validate(&self, key: &MigrationId) -> Result<(), Rule> {
        rule(self.id == *key, "a migration is stored under its id")?;
        rule(self.from != self.to, "source and destination differ")?;
        rule(
            self.failures.len() <= Self::FAILURES_MAX,
            "at most 8 failures are remembered",
        )?;
        rule(
            self.failures.len() <= usize::try_from(self.failed_attempts).unwrap_or(usize::MAX),
            "each remembered failure was counted",
        )?;
        rule(
            self.progress.sampled_bytes <= self.progress.bytes_migrated,
            "the rate was measured on bytes that were reported",
        )?;
        rule(
            self.progress
                .bytes_total
                .is_none_or(|total| self.progress.bytes_migrated <= total),
            "progress is within the total",
        )?;
        rule(
            !(self.status().is_terminal() && self.attempt.is_some()),
            "an ended migration is held by nobody",
        )?;
        rule(
            !(self.status() == Status::Pending && self.attempt.is_some()),
            "a claimed migration has started",
        )?;
        rule(
            self.attempt
                .as_ref()
                .is_none_or(|attempt| attempt.epoch == self.epoch && self.epoch > Epoch(0)),
            "the attempt has the newest epoch, which is at least 1",
        )?;
        rule(
            self.refused_epoch <= self.epoch,
            "a report that was refused is of an attempt that was made",
        )
    }
}
