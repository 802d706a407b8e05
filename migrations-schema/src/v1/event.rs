use serde::{Deserialize, Serialize};

use super::{CleanupKind, FailureClass, NodeState, PauseScope, Rule, Trigger, VERSION, rule};
use crate::codec::Record;
use crate::id::{Epoch, EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::text::{ExecutorName, Reason};

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A caller of the library, or an operator through it.
    Caller,
    /// An executor, through its claim.
    Executor(ExecutorName),
    /// The library itself (retention, upgrade).
    System,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A migration was begun.
    Begun {
        /// The owner.
        from: NodeId,
        /// The owner to be.
        to: NodeId,
        /// What began it.
        trigger: Trigger,
    },
    /// It was started without an executor.
    Started,
    /// An executor claimed it: a new attempt, under the epoch of this event.
    Claimed,
    /// Writes to the source are about to be stopped.
    Fenced,
    /// Writes to the source go on.
    Unfenced,
    /// The comparison started.
    VerificationBegun,
    /// A proof was handed in.
    EvidenceSubmitted {
        /// Whether both sides are the same.
        matches: bool,
    },
    /// A cancellation waits for the executor.
    CancelRequested,
    /// The attempt ended without success; the migration goes on.
    AttemptFailed {
        /// What is known.
        class: FailureClass,
        /// When the next attempt may start.
        not_before_ms: TimestampMs,
    },
    /// The executor stopped and let go; another may go on.
    AttemptReleased,
    /// Cut over: the destination owns the shard.
    Completed {
        /// Whether matching evidence of the current attempt was there.
        verified: bool,
    },
    /// Given up.
    Failed {
        /// What is known.
        class: FailureClass,
    },
    /// Called off.
    Cancelled,
    /// A report of an attempt that is over was refused.
    ReportFenced {
        /// The epoch of the report.
        got: Epoch,
    },
    /// A claim ran out.
    LeaseExpired,
    /// No progress for the configured time.
    Stalled,
    /// The destination serves its copy.
    Activated,
    /// A cleanup did not succeed and is tried again.
    CleanupFailed {
        /// Where the copy is.
        node: NodeId,
        /// When it is tried again.
        retry_at_ms: TimestampMs,
    },
    /// A copy is gone.
    CleanupSettled {
        /// Where the copy was.
        node: NodeId,
        /// Why it had to go.
        kind: CleanupKind,
    },
    /// A copy on a node that never comes back is no longer waited for.
    CleanupForgiven {
        /// Where the copy was.
        node: NodeId,
    },
    /// Work was paused.
    Paused {
        /// What was paused.
        scope: PauseScope,
    },
    /// Work goes on.
    Resumed {
        /// What was paused.
        scope: PauseScope,
    },
    /// A shard was set aside.
    Quarantined,
    /// A shard was let out of quarantine.
    QuarantineReleased,
    /// A node was registered.
    NodeRegistered {
        /// The node.
        node: NodeId,
        /// Its state.
        state: NodeState,
    },
    /// A node was changed.
    NodeUpdated {
        /// The node.
        node: NodeId,
        /// Its state now.
        state: NodeState,
    },
    /// A node was removed.
    NodeRemoved {
        /// The node.
        node: NodeId,
    },
    /// A shard was registered.
    ShardRegistered {
        /// Its owner.
        owner: NodeId,
    },
    /// A shard was removed from the registry.
    ShardRemoved {
        /// Its last owner.
        owner: NodeId,
    },
    /// The settings were changed.
    SettingsChanged,
    /// The evidence that the settings demand was waived.
    VerificationWaived,
    /// An operator gave up a row that could not be read and was set aside. Where the row was an
    /// event, this one stands at its position.
    RowForgiven {
        /// The tag of the table that the row was in.
        table: u8,
    },
    /// An operator asked for the next attempt at once.
    RetryRequested,
    /// An operator asked to remove a copy at once.
    CleanupHurried {
        /// Where the copy is.
        node: NodeId,
    },
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its position: one more than that of the event before it.
    pub seq: EventSeq,
    /// When.
    pub at_ms: TimestampMs,
    /// The migration it is about.
    pub migration: Option<MigrationId>,
    /// The shard it is about.
    pub shard: Option<ShardId>,
    /// The epoch of the migration at that moment.
    pub epoch: Epoch,
    /// Who caused it.
    pub actor: Actor,
    /// Why, for people.
    pub cause: Reason,
    /// What happened.
    pub kind: EventKind,
}

impl Record for Event {
    type Key = EventSeq;
    const VERSION: u8 = VERSION;

    fn validate(&self, key: &EventSeq) -> Result<(), Rule> {
        rule(self.seq == *key, "an event is stored under its position")?;
        rule(self.seq >= EventSeq(1), "the first event is 1")
    }
}
