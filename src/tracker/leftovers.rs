//! What an operator says about copies that have to go: at once, or never mind.

use super::MigrationTracker;
use super::log::{About, append};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, Cleanup, CleanupKind, EventKind, NodeState};
use crate::schema::{MigrationId, NodeId, ShardId, TimestampMs, table};
use crate::store::{Procedure, Scan, StoreError, Tx, delete, get, put, scan};

/// Why copies on a node are still waited for.
#[derive(Debug, thiserror::Error)]
pub enum ForgiveNodeError {
    /// The node takes part: its copies can be removed, and would be in the way when it does not know
    /// that they were given up.
    #[error("node {node} is {state:?}: only copies on a node that is down are given up")]
    NodeThere {
        /// The node.
        node: NodeId,
        /// Its state.
        state: NodeState,
    },
    /// The destination does not serve yet: giving up the old copy would leave nobody who sees to it.
    #[error(
        "node {to} does not serve shard {shard} yet, which migration {migration} brought from node \
         {node}; run an executor first"
    )]
    NotActivated {
        /// The node that is to be given up.
        node: NodeId,
        /// The shard.
        shard: ShardId,
        /// The node that is to serve it.
        to: NodeId,
        /// The migration.
        migration: MigrationId,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Gives up every copy that has to go from `node`, which is never to come back: nothing waits for
    /// it any more. All of them or none, one event each. The node has to be down, or not registered.
    ///
    /// If the node does come back with its disks, the copies are still there: remove them by hand.
    ///
    /// # Errors
    /// [`ForgiveNodeError`]; nothing changed.
    pub fn forgive_node(
        &self,
        node: NodeId,
        reason: impl Into<Reason>,
    ) -> Result<Vec<Cleanup>, ForgiveNodeError> {
        self.write_alone(&ForgiveNode {
            node,
            reason: reason.into(),
            now: self.now(),
        })
    }

    /// Ends the waits of copies that have to go, on `node` or (`None`) everywhere: their grace
    /// periods, and the time until the next try. An executor then removes them at once. Answers those
    /// that waited.
    ///
    /// # Errors
    /// [`StoreError`] when the file fails; nothing changed.
    pub fn hurry_cleanups(
        &self,
        node: Option<NodeId>,
        reason: impl Into<Reason>,
    ) -> Result<Vec<Cleanup>, StoreError> {
        self.write_alone(&HurryCleanups {
            node,
            reason: reason.into(),
            now: self.now(),
        })
    }
}

pub(super) struct ForgiveNode {
    pub(super) node: NodeId,
    pub(super) reason: Reason,
    pub(super) now: TimestampMs,
}

impl Procedure for ForgiveNode {
    type Output = Vec<Cleanup>;
    type Error = ForgiveNodeError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Cleanup>, ForgiveNodeError> {
        let node = self.node;
        if let Some(registered) = get(tx, table::NODES, &node)?
            && registered.state != NodeState::Down
        {
            let state = registered.state;
            return Err(ForgiveNodeError::NodeThere { node, state });
        }
        let copies = on(tx, Some(node))?;
        for copy in &copies {
            if copy.kind == CleanupKind::ReleaseSource && !copy.activated {
                return Err(ForgiveNodeError::NotActivated {
                    node,
                    shard: copy.shard,
                    to: copy.to,
                    migration: copy.migration,
                });
            }
            delete(tx, table::CLEANUPS, &(copy.node, copy.shard))?;
            let kind = EventKind::CleanupForgiven { node };
            log(tx, copy, kind, &self.reason, self.now)?;
        }
        Ok(copies)
    }
}

pub(super) struct HurryCleanups {
    pub(super) node: Option<NodeId>,
    pub(super) reason: Reason,
    pub(super) now: TimestampMs,
}

impl Procedure for HurryCleanups {
    type Output = Vec<Cleanup>;
    type Error = StoreError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Cleanup>, StoreError> {
        let mut waited = on(tx, self.node)?;
        waited.retain(|copy| copy.not_before_ms > self.now || copy.retry_at_ms > self.now);
        for copy in &waited {
            let next = Cleanup {
                not_before_ms: copy.not_before_ms.min(self.now),
                retry_at_ms: copy.retry_at_ms.min(self.now),
                ..copy.clone()
            };
            put(tx, table::CLEANUPS, &(next.node, next.shard), &next)?;
            let kind = EventKind::CleanupHurried { node: next.node };
            log(tx, &next, kind, &self.reason, self.now)?;
        }
        Ok(waited)
    }
}

fn on(tx: &mut dyn Tx, node: Option<NodeId>) -> Result<Vec<Cleanup>, StoreError> {
    let range = match node {
        Some(node) => Scan::all().under(&node),
        None => Scan::all(),
    };
    let copies = scan(tx, table::CLEANUPS, &range)?;
    Ok(copies.into_iter().map(|(_, copy)| copy).collect())
}

fn log(
    tx: &mut dyn Tx,
    copy: &Cleanup,
    kind: EventKind,
    reason: &Reason,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let about = About::kept(tx, copy.migration, copy.shard)?;
    append(tx, about, kind, Actor::Caller, reason, now)
}
