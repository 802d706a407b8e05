use super::Transition;
use crate::schema::text::{Reason, RequestKey};
use crate::schema::v1::{EventKind, Migration, Progress, State, Trigger};
use crate::schema::{Epoch, MigrationId, NodeId, ShardId, TimestampMs};

/// What a migration is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Its id, new.
    pub id: MigrationId,
    /// The shard that moves.
    pub shard: ShardId,
    /// The node that owns it.
    pub from: NodeId,
    /// The node that is to own it.
    pub to: NodeId,
    /// Higher goes first.
    pub priority: i32,
    /// What begins it.
    pub trigger: Trigger,
    /// Why.
    pub reason: Reason,
    /// The caller's name for the request.
    pub request: Option<RequestKey>,
    /// The version of the registered shard.
    pub shard_version: Option<u64>,
    /// The migration whose way back this is.
    pub reverse_of: Option<MigrationId>,
}

impl Begin {
    /// A migration by hand, of normal priority.
    #[must_use]
    pub fn new(id: MigrationId, shard: ShardId, from: NodeId, to: NodeId) -> Self {
        Self {
            id,
            shard,
            from,
            to,
            priority: 0,
            trigger: Trigger::Manual,
            reason: Reason::default(),
            request: None,
            shard_version: None,
            reverse_of: None,
        }
    }
}

/// A shard cannot be moved to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard {shard}: source and destination are both node {node}")]
pub struct SameNode {
    /// The shard.
    pub shard: ShardId,
    /// The node.
    pub node: NodeId,
}

/// Begins a migration. That the shard has no other one is for the active index to say.
///
/// # Errors
/// [`SameNode`] when source and destination are the same.
pub fn begin(begin: &Begin, now: TimestampMs) -> Result<Transition, SameNode> {
    if begin.from == begin.to {
        return Err(SameNode {
            shard: begin.shard,
            node: begin.from,
        });
    }
    let next = Migration {
        id: begin.id,
        shard: begin.shard,
        from: begin.from,
        to: begin.to,
        state: State::Pending,
        created_at_ms: now,
        epoch: Epoch(0),
        refused_epoch: Epoch(0),
        attempt: None,
        failed_attempts: 0,
        failures: Vec::new(),
        not_before_ms: now,
        progress: Progress::default(),
        checkpoint: None,
        evidence: None,
        fenced_at_ms: None,
        cancel: None,
        priority: begin.priority,
        trigger: begin.trigger,
        reason: begin.reason.clone(),
        request: begin.request.clone(),
        shard_version: begin.shard_version,
        reverse_of: begin.reverse_of,
    };
    Ok(Transition::to(next)
        .event(EventKind::Begun {
            from: begin.from,
            to: begin.to,
            trigger: begin.trigger,
        })
        .cause(&begin.reason))
}
