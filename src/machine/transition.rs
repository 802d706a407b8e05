use crate::schema::text::Reason;
use crate::schema::v1::{Cleanup, EventKind, Migration, Quarantined};
use crate::schema::{NodeId, ShardId};

/// A change of the owner: the cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The shard.
    pub shard: ShardId,
    /// The owner, which is checked again.
    pub from: NodeId,
    /// The owner to be.
    pub to: NodeId,
}

/// What a command does. The store applies all of it or none of it.
///
/// What happens to the indexes (active, finished, in flight) follows from the record before and
/// after, and is not said again here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The record to be.
    pub next: Migration,
    /// What the log says, in this order. None: nothing worth it.
    pub events: Vec<EventKind>,
    /// Why, for the log.
    pub cause: Reason,
    /// The change of the owner.
    pub flip: Option<Flip>,
    /// The copy that has to go.
    pub cleanup: Option<Cleanup>,
    /// Why the shard is set aside.
    pub quarantine: Option<Quarantined>,
}

impl Transition {
    /// To `next`, without anything else.
    pub(super) fn to(next: Migration) -> Self {
        Self {
            next,
            events: Vec::new(),
            cause: Reason::default(),
            flip: None,
            cleanup: None,
            quarantine: None,
        }
    }

    /// What the log says next.
    pub(super) fn event(mut self, kind: EventKind) -> Self {
        self.events.push(kind);
        self
    }

    pub(super) fn cause(mut self, cause: &Reason) -> Self {
        self.cause = cause.clone();
        self
    }

    pub(super) fn flip(mut self, flip: Flip) -> Self {
        self.flip = Some(flip);
        self
    }

    pub(super) fn cleanup(mut self, cleanup: Option<Cleanup>) -> Self {
        self.cleanup = cleanup;
        self
    }

    pub(super) fn quarantine(mut self, quarantine: Quarantined) -> Self {
        self.quarantine = Some(quarantine);
        self.event(EventKind::Quarantined)
    }
}
