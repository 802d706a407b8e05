//! A registered cluster, for what plans.

use shardferry::planner::Resource;
use shardferry::schema::text::{NodeName, ShardName};
use shardferry::tracker::{PlanOptions, RegistryChange, plan_rebalance};
use shardferry::{MigrationTracker, Node, NodeId, Shard, ShardId};

use crate::Result;

/// Registered shards.
pub(super) const SHARDS: u64 = 10_000;

const NODES: u64 = 10;

/// Shards that are on node 1 to begin with: those that are moved, from there to node 2 and back.
const MOVED: u64 = 256;

/// Registers nodes and shards.
pub(super) fn register(tracker: &MigrationTracker) -> Result<()> {
    let mut changes = Vec::new();
    for node in 1..=NODES {
        let name = NodeName::new(format!("node-{node}"))?;
        changes.push(RegistryChange::RegisterNode(Node::new(NodeId(node), name)));
    }
    for shard in 0..SHARDS {
        let owner = if shard < MOVED { 1 } else { 1 + shard % NODES };
        let name = ShardName::new(format!("shard-{shard}"))?;
        let shard = Shard::new(ShardId(shard), name, NodeId(owner));
        changes.push(RegistryChange::RegisterShard(shard));
    }
    Ok(tracker.change_registry(&changes)?)
}

/// Takes a snapshot and plans from it, as somebody does who looks whether there is something to do.
pub(super) fn plan(tracker: &MigrationTracker) -> Result<()> {
    let options = PlanOptions {
        resource: Resource::COUNT,
        threshold_ppm: 0,
        max_moves: None,
    };
    plan_rebalance(&tracker.snapshot()?, &options)?;
    Ok(())
}
