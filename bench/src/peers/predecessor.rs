//! The plan of the in-memory tracker that shardferry began as, from the description of its faults:
//! it knows the nodes that have a shard, counts shards, and sends what is on the nodes above the
//! threshold to the one node that had least.

use std::collections::BTreeMap;

use shardferry::planner::Input;
use shardferry::schema::NodeId;

use super::Moves;

/// Its plan. Without a limit of moves under way.
pub(crate) fn predecessor(input: &Input, threshold: f64) -> Moves {
    let mut counts: BTreeMap<NodeId, u64> = BTreeMap::new();
    for shard in &input.shards {
        *counts.entry(shard.owner).or_default() += 1;
    }
    let Some((least, _)) = counts.iter().min_by_key(|(_, count)| **count) else {
        return Moves::new();
    };
    let mean = input.shards.len() as f64 / counts.len() as f64;
    let is_above = |owner| counts[owner] as f64 > mean * (1.0 + threshold);
    let shards = input.shards.iter().enumerate();
    let leaving = shards.filter(|(_, shard)| is_above(&shard.owner) && shard.owner != *least);
    leaving.map(|(at, _)| (at, *least)).collect()
}
