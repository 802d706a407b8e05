use std::fmt;

use super::{PerResource, Resources};
use crate::schema::{GroupId, NodeId, ShardId};

/// What a plan is made from: the cluster at one instant.
///
/// The order of the entries means nothing: the same cluster gives the same plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// What nodes offer and shards use.
    pub resources: Resources,
    /// Every node.
    pub nodes: Vec<NodeInput>,
    /// Every shard.
    pub shards: Vec<ShardInput>,
    /// Moves under way. The shard need not be in `shards`: then it has no known weight.
    pub in_flight: Vec<InFlightMove>,
    /// Copies that still have to go: they take up room there, and the shard may not move onto that
    /// node.
    pub cleanups: Vec<(NodeId, ShardId)>,
    /// Shards that moved a short while ago.
    pub cooling: Vec<CoolingShard>,
    /// Shards that are set aside after failures.
    pub quarantined: Vec<ShardId>,
}

/// A node, as the planner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInput {
    /// Its id.
    pub id: NodeId,
    /// Its failure domain.
    pub zone: Option<String>,
    /// What it takes part in.
    pub state: Availability,
    /// The most it can hold of each resource. `None`: no limit.
    pub capacity: PerResource<Option<u64>>,
    /// Its share of the whole relative to the other nodes: 1 to [`NodeInput::WEIGHT_MAX`].
    pub weight: u64,
}

impl NodeInput {
    /// The greatest weight of a node: what keeps every product of the planner within 128 bits.
    pub const WEIGHT_MAX: u64 = u32::MAX as u64;

    /// An active node of weight 1 without limits.
    #[must_use]
    pub fn new(id: NodeId) -> Self {
        Self {
            id,
            zone: None,
            state: Availability::Active,
            capacity: PerResource::default(),
            weight: 1,
        }
    }
}

/// What a node takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    /// Serves and accepts shards.
    Active,
    /// Serves, accepts nothing, and its shards are to leave.
    Draining,
    /// Serves and keeps its shards, accepts nothing, and is not part of the balance.
    NoAccept,
    /// Cannot be reached: neither source nor destination, and not part of the balance.
    Down,
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::NoAccept => "not accepting",
            Self::Down => "down",
        })
    }
}

/// A shard, as the planner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInput {
    /// Its id.
    pub id: ShardId,
    /// The node that owns it.
    pub owner: NodeId,
    /// Nodes with further copies: it may not be on them. They do not count as load.
    pub replicas: Vec<NodeId>,
    /// What it uses of each resource.
    pub weights: PerResource<u64>,
    /// Whether it must stay where it is.
    pub pinned: bool,
    /// Its replica group: no node is to hold two shards of a group.
    pub group: Option<GroupId>,
    /// The only nodes that it may be on. Empty: all.
    pub allowed: Vec<NodeId>,
    /// Nodes that it may not be on.
    pub disallowed: Vec<NodeId>,
}

impl ShardInput {
    /// A shard on `owner` that may move anywhere.
    #[must_use]
    pub fn new(id: ShardId, owner: NodeId, weights: PerResource<u64>) -> Self {
        Self {
            id,
            owner,
            replicas: Vec::new(),
            weights,
            pinned: false,
            group: None,
            allowed: Vec::new(),
            disallowed: Vec::new(),
        }
    }
}

/// A move under way. It counts at its target, is charged at both ends, and is never moved again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlightMove {
    /// The shard.
    pub shard: ShardId,
    /// The node it leaves.
    pub from: NodeId,
    /// The node it goes to.
    pub to: NodeId,
}

/// A shard within its cooldown: it does not go back to where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolingShard {
    /// The shard.
    pub shard: ShardId,
    /// The node that it left.
    pub from: NodeId,
}
