//! Quick answers from a snapshot: a cluster has up to millions of shards.

use std::collections::BTreeMap;

use shardferry::store::Snapshot;
use shardferry::{Migration, Node, NodeId, Shard, ShardId};

/// The registered node of this id. A snapshot is sorted by id.
pub(crate) fn node(snapshot: &Snapshot, id: NodeId) -> Option<&Node> {
    let at = snapshot.nodes.binary_search_by_key(&id, |node| node.id);
    at.ok().and_then(|at| snapshot.nodes.get(at))
}

/// The registered shard of this id.
pub(crate) fn shard(snapshot: &Snapshot, id: ShardId) -> Option<&Shard> {
    let at = snapshot.shards.binary_search_by_key(&id, |shard| shard.id);
    at.ok().and_then(|at| snapshot.shards.get(at))
}

/// The migration of a shard that is under way, for every shard that has one.
pub(crate) fn moving(snapshot: &Snapshot) -> BTreeMap<ShardId, &Migration> {
    let active = snapshot.active.iter();
    active
        .map(|migration| (migration.shard, migration))
        .collect()
}

/// The bytes that a migration under way has to bring: as it reported, or as registered.
pub(crate) fn bytes_to_move(snapshot: &Snapshot, migration: &Migration) -> u64 {
    let registered = shard(snapshot, migration.shard).map_or(0, |shard| shard.bytes);
    migration.progress.bytes_total.unwrap_or(registered)
}

/// What a node owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) shards: u64,
    pub(crate) bytes: u64,
}

/// What each node owns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loads(BTreeMap<NodeId, Load>);

impl Loads {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut loads: BTreeMap<NodeId, Load> = BTreeMap::new();
        for shard in &snapshot.shards {
            let load = loads.entry(shard.owner).or_default();
            load.shards = load.shards.saturating_add(1);
            load.bytes = load.bytes.saturating_add(shard.bytes);
        }
        Self(loads)
    }

    pub(crate) fn get(&self, node: NodeId) -> Load {
        self.0.get(&node).copied().unwrap_or_default()
    }

    /// The bytes of the fullest node.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.0.values().map(|load| load.bytes).max().unwrap_or(0)
    }
}
