use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
use crate::codec::Record;
use crate::id::NodeId;
use crate::text::{Address, NodeName, Zone};

/// What a node takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Serves and accepts shards.
    Active,
    /// Serves, accepts nothing, and its shards are to leave.
    Draining,
    /// Cannot be reached: neither source nor destination.
    Down,
    /// Serves and keeps its shards, but accepts no further ones.
    NoAccept,
}

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its name, unique in the file.
    pub name: NodeName,
    /// Where it is, for the mover.
    pub address: Option<Address>,
    /// Its failure domain.
    pub zone: Option<Zone>,
    /// What it takes part in.
    pub state: NodeState,
    /// Most bytes it can hold. `None`: no limit.
    pub capacity_bytes: Option<u64>,
    /// Most shards it can hold. `None`: no limit.
    pub capacity_shards: Option<u64>,
    /// Most load it can carry, in the unit of [`super::Shard::load`]. `None`: no limit.
    pub capacity_load: Option<u64>,
    /// Its share of the whole relative to the other nodes. At least 1.
    pub weight: u32,
    /// Whether the entries of its directory are its shards.
    pub scan: bool,
}

impl Node {
    /// An active node without limits.
    #[must_use]
    pub fn new(id: NodeId, name: NodeName) -> Self {
        Self {
            id,
            name,
            address: None,
            zone: None,
            state: NodeState::Active,
            capacity_bytes: None,
            capacity_shards: None,
            capacity_load: None,
            weight: 1,
            scan: false,
        }
    }
}

impl Record for Node {
    type Key = NodeId;
    const VERSION: u8 = VERSION;

    fn validate(&self, key: &NodeId) -> Result<(), Rule> {
        rule(self.id == *key, "a node is stored under its id")?;
        rule(self.weight >= 1, "the weight of a node is at least 1")
    }
}
