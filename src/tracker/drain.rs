//! Emptying nodes, for as long as it takes.

use std::collections::{BTreeMap, HashSet};

use super::apply::{apply, settings};
use super::log::{About, append};
use super::{BeginError, BeginPlanError, BeginRequest, MigrationTracker, RegistryError};
use crate::machine::{self, Command};
use crate::planner::{self, Left, Move, MoveReason, PlanError, Policy, Resource};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, EventKind, NodeState, Status, Trigger};
use crate::schema::{MigrationId, NodeId, SessionId, ShardId, TimestampMs, table};
use crate::store::{Procedure, Snapshot, StoreError, Tx, active, get, put};

/// How far the draining of a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draining {
    /// Shards that it still owns.
    pub shards: u64,
    /// Migrations that were begun now, to empty it.
    pub begun: Vec<MigrationId>,
    /// Migrations away from it that are under way, the new ones among them.
    pub under_way: Vec<MigrationId>,
    /// Shards that cannot leave, and why.
    pub blocked: Vec<(ShardId, String)>,
}

impl Draining {
    /// Whether nothing is left on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards == 0 && self.under_way.is_empty()
    }
}

/// Why the draining of nodes cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The registry contradicts itself.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Marks a registered node as draining: it accepts no shards, and [`Self::continue_draining`]
    /// empties it. The mark is in the file: draining goes on after a restart, until
    /// [`Self::undrain`]. Nothing to do where it is draining already.
    ///
    /// # Errors
    /// [`RegistryError`]: not registered, or down; nothing changed.
    pub fn drain(&self, node: NodeId, reason: impl Into<Reason>) -> Result<(), RegistryError> {
        self.write(SetDraining {
            node,
            reason: reason.into(),
            now: self.now(),
        })
    }

    /// Takes back [`Self::drain`]: the node is active again. Migrations that were to empty it and that
    /// nobody has started are cancelled; those at work go on. Answers those that were cancelled.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn undrain(
        &self,
        node: NodeId,
        reason: impl Into<Reason>,
    ) -> Result<Vec<MigrationId>, RegistryError> {
        self.write_alone(&Undrain {
            node,
            reason: reason.into(),
            session: self.session,
            now: self.now(),
        })
    }

    /// Plans what empties the draining nodes and begins what of it can be made now; later calls begin
    /// the rest, as room is made. Call it again when migrations have ended, and after a restart: it
    /// goes on from what is there. Answers for each draining node how far it is, and per shard what is
    /// in its way.
    ///
    /// ```
    /// use shardferry::schema::text::{NodeName, ShardName};
    /// use shardferry::{MigrationTracker, Node, NodeId, Shard, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// for id in 1..=2 {
    ///     tracker.register_node(Node::new(NodeId(id), NodeName::new(format!("node-{id}"))?))?;
    /// }
    /// let shard = Shard::new(ShardId(7), ShardName::new("orders")?, NodeId(1));
    /// let pinned = Shard { pinned: true, ..Shard::new(ShardId(8), ShardName::new("local")?, NodeId(1)) };
    /// tracker.register_shard(shard)?;
    /// tracker.register_shard(pinned)?;
    ///
    /// tracker.drain(NodeId(1), "it is being replaced")?;
    /// let draining = &tracker.continue_draining()?[&NodeId(1)];
    /// assert_eq!((draining.shards, draining.begun.len()), (2, 1));
    /// assert_eq!(draining.blocked[0].0, ShardId(8));
    /// assert!(draining.blocked[0].1.contains("pinned"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DrainError`]; what was begun before it stays begun, and the next call goes on.
    pub fn continue_draining(&self) -> Result<BTreeMap<NodeId, Draining>, DrainError> {
        let snapshot = self.snapshot()?;
        let mut nodes = draining(&snapshot);
        if nodes.is_empty() {
            return Ok(nodes);
        }
        let plan = planner::plan(&snapshot.plan_input(), &forced_only(&snapshot)?)?;
        for left in &plan.left {
            if let Left::Shard { shard, node, .. } = left
                && let Some(of) = nodes.get_mut(node)
            {
                of.blocked.push((*shard, left.to_string()));
            }
        }
        let mut wanted = now_and_here(&plan.moves, &nodes);
        while !wanted.is_empty() {
            let requests: Vec<_> = wanted.iter().map(request).collect();
            match self.begin_plan(&requests) {
                Ok(begun) => {
                    for (id, one) in begun.into_iter().zip(&wanted) {
                        if let Some(of) = nodes.get_mut(&one.from) {
                            of.begun.push(id);
                            of.under_way.push(id);
                        }
                    }
                    break;
                }
                Err(BeginPlanError::Store(error)) => return Err(error.into()),
                Err(BeginPlanError::Move { at, source }) => {
                    // The others need not wait for it.
                    block(&mut nodes, &wanted.remove(at), &source);
                }
            }
        }
        Ok(nodes)
    }
}

fn block(nodes: &mut BTreeMap<NodeId, Draining>, one: &Move, why: &BeginError) {
    if let Some(of) = nodes.get_mut(&one.from) {
        of.blocked.push((one.shard, why.to_string()));
    }
}

/// The draining nodes, with what is there and under way.
fn draining(snapshot: &Snapshot) -> BTreeMap<NodeId, Draining> {
    let nodes = snapshot.nodes.iter();
    let mut draining: BTreeMap<NodeId, Draining> = nodes
        .filter(|node| node.state == NodeState::Draining)
        .map(|node| (node.id, Draining::default()))
        .collect();
    for shard in &snapshot.shards {
        if let Some(of) = draining.get_mut(&shard.owner) {
            of.shards += 1;
        }
    }
    for migration in &snapshot.active {
        if let Some(of) = draining.get_mut(&migration.from) {
            of.under_way.push(migration.id);
        }
    }
    draining
}

/// What has to move moves under any policy, to where there is least; what balances is not looked at.
fn forced_only(snapshot: &Snapshot) -> Result<Policy, PlanError> {
    let sized = snapshot.shards.iter().any(|shard| shard.bytes > 0);
    let by = if sized {
        Resource::BYTES
    } else {
        Resource::COUNT
    };
    Policy::new(by, Policy::BAND_MAX_PPM, Policy::BAND_MAX_PPM)
}

/// The moves that empty `nodes`, and those that make room for them, as far as they can be made at
/// once: what waits for them is planned again when they are done.
fn now_and_here(moves: &[Move], nodes: &BTreeMap<NodeId, Draining>) -> Vec<Move> {
    let drains = |one: &&Move| nodes.contains_key(&one.from);
    let leaving: HashSet<ShardId> = moves.iter().filter(drains).map(|one| one.shard).collect();
    let wanted = |one: &&Move| match one.reason {
        MoveReason::Room(shard) => leaving.contains(&shard),
        MoveReason::Drain
        | MoveReason::Misplaced(_)
        | MoveReason::Overfull(_)
        | MoveReason::Spread
        | MoveReason::Above { .. }
        | MoveReason::Below { .. } => nodes.contains_key(&one.from),
    };
    let first = moves.iter().filter(wanted).map(|one| one.wave).min();
    moves
        .iter()
        .filter(|one| Some(one.wave) == first && wanted(one))
        .cloned()
        .collect()
}

fn request(one: &Move) -> BeginRequest {
    BeginRequest {
        trigger: Trigger::Drain,
        ..BeginRequest::from(one)
    }
}

pub(super) struct SetDraining {
    pub(super) node: NodeId,
    pub(super) reason: Reason,
    pub(super) now: TimestampMs,
}

impl Procedure for SetDraining {
    type Output = ();
    type Error = RegistryError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), RegistryError> {
        let node = self.node;
        match state_of(tx, node)? {
            NodeState::Draining => Ok(()),
            NodeState::Active | NodeState::NoAccept => {
                set_state(tx, node, NodeState::Draining, &self.reason, self.now)
            }
            state @ NodeState::Down => Err(RegistryError::WrongState {
                node,
                state,
                needs: "active to be drained: nothing can be copied from it",
            }),
        }
    }
}

pub(super) struct Undrain {
    pub(super) node: NodeId,
    pub(super) reason: Reason,
    pub(super) session: SessionId,
    pub(super) now: TimestampMs,
}

impl Procedure for Undrain {
    type Output = Vec<MigrationId>;
    type Error = RegistryError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Vec<MigrationId>, RegistryError> {
        let node = self.node;
        match state_of(tx, node)? {
            NodeState::Draining => {}
            state @ (NodeState::Active | NodeState::NoAccept | NodeState::Down) => {
                let needs = "draining, for that to be taken back";
                return Err(RegistryError::WrongState { node, state, needs });
            }
        }
        set_state(tx, node, NodeState::Active, &self.reason, self.now)?;
        let settings = settings(tx)?;
        let cancel = Command::Cancel {
            session: self.session,
            reason: self.reason.clone(),
        };
        let mut cancelled = Vec::new();
        for migration in active(tx, &mut Vec::new())? {
            let is_of_drain = migration.trigger == Trigger::Drain && migration.from == self.node;
            if !is_of_drain || migration.status() != Status::Pending {
                continue;
            }
            if let Ok(transition) = machine::step(&migration, &cancel, &settings, self.now) {
                let (before, actor) = (Some(&migration), Actor::Caller);
                apply(tx, before, &transition, actor, &settings, self.now)?;
                cancelled.push(migration.id);
            }
        }
        Ok(cancelled)
    }
}

fn state_of(tx: &mut dyn Tx, node: NodeId) -> Result<NodeState, RegistryError> {
    let row = get(tx, table::NODES, &node)?.ok_or(RegistryError::UnknownNode { node })?;
    Ok(row.state)
}

/// Another state of a registered node, with the reason in the log.
fn set_state(
    tx: &mut dyn Tx,
    node: NodeId,
    state: NodeState,
    reason: &Reason,
    now: TimestampMs,
) -> Result<(), RegistryError> {
    let mut row = get(tx, table::NODES, &node)?.ok_or(RegistryError::UnknownNode { node })?;
    row.state = state;
    put(tx, table::NODES, &node, &row)?;
    let (about, kind) = (About::the_cluster(), EventKind::NodeUpdated { node, state });
    append(tx, about, kind, Actor::Caller, reason, now)?;
    Ok(())
}
