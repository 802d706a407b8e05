use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
use crate::codec::Record;
use crate::id::{GroupId, NodeId, ShardId};
use crate::text::{RangeKey, ShardName};

/// A half-open range of keys: `start` is in it, `end` is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyRange {
    /// The first key. Empty: from the beginning.
    pub start: RangeKey,
    /// The key after the last one. `None`: to the end.
    pub end: Option<RangeKey>,
}

impl KeyRange {
    /// Whether `key` is in the range.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_bytes() <= key && self.end.as_ref().is_none_or(|end| key < end.as_bytes())
    }

    /// Whether the range has no key: its end is not after its start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether a key is in both ranges.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let starts_before_end =
            |a: &Self, b: &Self| b.end.as_ref().is_none_or(|end| a.start < *end);
        starts_before_end(self, other) && starts_before_end(other, self)
    }
}

impl std::fmt::Display for KeyRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.end {
            Some(end) => write!(f, "[\"{}\", \"{end}\")", self.start),
            None => write!(f, "[\"{}\", ...)", self.start),
        }
    }
}

/// A registered shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its id.
    pub id: ShardId,
    /// Its name, unique in the file.
    pub name: ShardName,
    /// The keys that it holds.
    pub range: Option<KeyRange>,
    /// The node that owns it. Changes at a cutover and nowhere else.
    pub owner: NodeId,
    /// Nodes with further copies; at most [`Self::REPLICAS_MAX`].
    pub replicas: Vec<NodeId>,
    /// How many keys it holds.
    pub keys: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its load, in any unit the caller likes.
    pub load: u64,
    /// Counts the changes of the owner.
    pub version: u64,
    /// Its replica group: two shards of a group never share a node.
    pub group: Option<GroupId>,
    /// Whether it must stay where it is.
    pub pinned: bool,
    /// The only nodes that may hold it. Empty: all.
    pub allowed: Vec<NodeId>,
    /// Nodes that may not hold it.
    pub disallowed: Vec<NodeId>,
}

impl Shard {
    /// Most further copies of a shard.
    pub const REPLICAS_MAX: usize = 64;
    /// Most nodes in `allowed` and in `disallowed`.
    pub const RULE_NODES_MAX: usize = 1024;

    /// A shard of unknown size on `owner`.
    #[must_use]
    pub fn new(id: ShardId, name: ShardName, owner: NodeId) -> Self {
        Self {
            id,
            name,
            range: None,
            owner,
            replicas: Vec::new(),
            keys: 0,
            bytes: 0,
            load: 0,
            version: 0,
            group: None,
            pinned: false,
            allowed: Vec::new(),
            disallowed: Vec::new(),
        }
    }
}

impl Record for Shard {
    type Key = ShardId;
    const VERSION: u8 = VERSION;

    fn validate(&self, key: &ShardId) -> Result<(), Rule> {
        rule(self.id == *key, "a shard is stored under its id")?;
        rule(
            !self.range.as_ref().is_some_and(KeyRange::is_empty),
            "a key range ends after its start",
        )?;
        rule(
            self.replicas.len() <= Self::REPLICAS_MAX,
            "a shard has at most 64 replicas",
        )?;
        rule(
            are_distinct(&self.replicas)
                && are_distinct(&self.allowed)
                && are_distinct(&self.disallowed),
            "a list of nodes names each node once",
        )?;
        rule(
            !self.replicas.contains(&self.owner),
            "the owner is not among the replicas",
        )?;
        rule(
            self.allowed.len() <= Self::RULE_NODES_MAX
                && self.disallowed.len() <= Self::RULE_NODES_MAX,
            "a placement rule names at most 1024 nodes",
        )
    }
}

fn are_distinct(nodes: &[NodeId]) -> bool {
    if nodes.len() < 2 {
        return true;
    }
    let mut sorted = nodes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() == nodes.len()
}
