//! Plans from a snapshot.

use std::collections::HashSet;

use crate::planner::{
    Availability, CoolingShard, InFlightMove, Input, NodeInput, PerResource, Plan, PlanError,
    Policy, Resource, Resources, ShardInput, plan,
};
use crate::schema::NodeId;
use crate::schema::table::TableId;
use crate::schema::v1::{Migration, Node, NodeState, Shard};
use crate::store::Snapshot;

/// What to balance, and how closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// What is balanced.
    pub resource: Resource,
    /// How far a node may be from its fair share before anything moves, in parts per million.
    /// Then shards are balanced exactly to the unit when they are counted, and else to within
    /// half of this.
    pub threshold_ppm: u64,
    /// At most so many moves. `None`: as many as it takes.
    pub max_moves: Option<usize>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RebalanceError {
    /// The threshold is no fraction.
    #[error("an imbalance threshold of {given} makes no sense; give a fraction from 0 to 1")]
    Threshold {
        /// What was given.
        given: f64,
    },
    /// The cluster contradicts itself.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// The moves that balance the number of shards per node: the familiar entry point.
///
/// Nothing moves while every node is within `imbalance_threshold` (a fraction, 0 to 1) of its fair
/// share; else the shards are spread evenly, with the fewest moves that do it. At most
/// `max_concurrent_migrations` are under way together: those that are count, and the plan has at
/// most the rest.
///
/// # Errors
/// [`RebalanceError`] when the threshold is no fraction (NaN, negative, above 1), or the snapshot
/// contradicts itself.
///
/// ```
/// use shardferry::schema::text::{NodeName, ShardName};
/// use shardferry::{MigrationTracker, Node, NodeId, Shard, ShardId, compute_rebalance_plan};
///
/// let folder = tempfile::tempdir()?;
/// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
/// tracker.register_node(Node::new(NodeId(1), NodeName::new("full")?))?;
/// tracker.register_node(Node::new(NodeId(2), NodeName::new("empty")?))?;
/// for id in 0..8 {
///     let name = ShardName::new(format!("shard-{id}"))?;
///     tracker.register_shard(Shard::new(ShardId(id), name, NodeId(1)))?;
/// }
///
/// let plan = compute_rebalance_plan(&tracker.snapshot()?, 0.1, 10)?;
/// assert_eq!(plan.moves.len(), 4);
/// assert!(plan.moves.iter().all(|one| (one.from, one.to) == (NodeId(1), NodeId(2))));
///
/// assert!(compute_rebalance_plan(&tracker.snapshot()?, f64::NAN, 10).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compute_rebalance_plan(
    snapshot: &Snapshot,
    imbalance_threshold: f64,
    max_concurrent_migrations: usize,
) -> Result<Plan, RebalanceError> {
    let options = PlanOptions {
        resource: Resource::COUNT,
        threshold_ppm: threshold_ppm(imbalance_threshold)?,
        max_moves: Some(max_concurrent_migrations.saturating_sub(snapshot.active.len())),
    };
    Ok(plan_rebalance(snapshot, &options)?)
}

/// The moves that balance what `options` say.
///
/// # Errors
/// [`PlanError`] when the snapshot or the options contradict themselves.
pub fn plan_rebalance(snapshot: &Snapshot, options: &PlanOptions) -> Result<Plan, PlanError> {
    let target_ppm = if options.resource == Resource::COUNT {
        0
    } else {
        options.threshold_ppm / 2
    };
    let policy = Policy::new(options.resource, options.threshold_ppm, target_ppm)?
        .with_max_moves(options.max_moves);
    plan(&snapshot.plan_input(), &policy)
}

impl Snapshot {
    /// The cluster as the planner sees it. Moves of nodes that are not registered are left out, and
    /// so are shards whose owner cannot be read: where nobody knows what a node can hold, nothing is
    /// planned from it.
    #[must_use]
    pub fn plan_input(&self) -> Input {
        let registered: HashSet<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        let known = |migration: &&Migration| {
            registered.contains(&migration.from) && registered.contains(&migration.to)
        };
        let mut unread = self.unread_nodes();
        unread.retain(|node| !registered.contains(node));
        let placed = |shard: &&Shard| !unread.contains(&shard.owner);
        // There may be millions: a list that grows as it is filled would be copied over and over.
        let mut shards = Vec::with_capacity(self.shards.len());
        shards.extend(self.shards.iter().filter(placed).map(shard_input));
        Input {
            resources: Resources::default(),
            nodes: self.nodes.iter().map(node_input).collect(),
            shards,
            in_flight: self.active.iter().filter(known).map(in_flight).collect(),
            cleanups: self
                .cleanups
                .iter()
                .map(|cleanup| (cleanup.node, cleanup.shard))
                .collect(),
            cooling: self
                .last_moves
                .iter()
                .map(|(shard, last)| CoolingShard {
                    shard: *shard,
                    from: last.from,
                })
                .collect(),
            quarantined: self.quarantined.iter().map(|(shard, _)| *shard).collect(),
        }
    }
}

impl Snapshot {
    /// The nodes whose rows are there and cannot be read.
    fn unread_nodes(&self) -> HashSet<NodeId> {
        let nodes = TableId::Nodes.name();
        let bad = self.bad_rows.iter().filter(|row| row.table == nodes);
        let keys = bad.filter_map(|row| row.key.strip_prefix("0x"));
        keys.filter(|digits| digits.len() == 2 * size_of::<u64>())
            .filter_map(|digits| u64::from_str_radix(digits, 16).ok())
            .map(NodeId)
            .collect()
    }
}

/// An imbalance threshold, a fraction from 0 to 1, in parts per million.
///
/// # Errors
/// [`RebalanceError::Threshold`] when it is no such fraction.
pub fn threshold_ppm(fraction: f64) -> Result<u64, RebalanceError> {
    if !(0.0..=1.0).contains(&fraction) {
        return Err(RebalanceError::Threshold { given: fraction });
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1,000,000 by the check above"
    )]
    let ppm = (fraction * 1_000_000.0).round() as u64;
    Ok(ppm)
}

fn node_input(node: &Node) -> NodeInput {
    NodeInput {
        id: node.id,
        zone: node.zone.as_ref().map(|zone| zone.as_str().to_owned()),
        state: match node.state {
            NodeState::Active => Availability::Active,
            NodeState::Draining => Availability::Draining,
            NodeState::Down => Availability::Down,
            NodeState::NoAccept => Availability::NoAccept,
        },
        capacity: PerResource::from_slice(&[
            node.capacity_shards,
            node.capacity_bytes,
            node.capacity_load,
        ]),
        weight: node.weight.into(),
    }
}

fn shard_input(shard: &Shard) -> ShardInput {
    ShardInput {
        id: shard.id,
        owner: shard.owner,
        replicas: shard.replicas.clone(),
        weights: PerResource::of_shard(shard.bytes, shard.load),
        pinned: shard.pinned,
        group: shard.group,
        allowed: shard.allowed.clone(),
        disallowed: shard.disallowed.clone(),
    }
}

fn in_flight(migration: &Migration) -> InFlightMove {
    InFlightMove {
        shard: migration.shard,
        from: migration.from,
        to: migration.to,
    }
}
