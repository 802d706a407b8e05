//! What moves leave behind.

use std::collections::BTreeMap;

use shardferry::planner::{Availability, Input, Resource};

use super::Moves;

/// The same figures of any planner.
pub(crate) struct Outcome {
    pub(crate) moves: usize,
    pub(crate) bytes: u128,
    /// The fullest active node relative to the mean, by the weights of the nodes.
    pub(crate) max_to_mean: f64,
    /// Shards on nodes that are draining.
    pub(crate) stranded: usize,
}

impl Outcome {
    pub(crate) fn of(input: &Input, resource: Resource, moves: &Moves) -> Self {
        let mut owners: Vec<_> = input.shards.iter().map(|shard| shard.owner).collect();
        let mut bytes = 0_u128;
        for (shard, to) in moves {
            owners[*shard] = *to;
            bytes += u128::from(input.shards[*shard].weights.get(Resource::BYTES));
        }
        let mut loads = BTreeMap::new();
        for (shard, owner) in input.shards.iter().zip(&owners) {
            *loads.entry(*owner).or_insert(0_u64) += shard.weights.get(resource);
        }
        let load = |id| loads.get(&id).copied().unwrap_or_default() as f64;
        let active = || {
            input
                .nodes
                .iter()
                .filter(|node| node.state == Availability::Active)
        };
        let total: f64 = active().map(|node| load(node.id)).sum();
        let weights: f64 = active().map(|node| node.weight as f64).sum();
        let fullest = active()
            .map(|node| load(node.id) / node.weight as f64)
            .fold(0.0, f64::max);
        let draining: Vec<_> = input
            .nodes
            .iter()
            .filter(|node| node.state == Availability::Draining)
            .map(|node| node.id)
            .collect();
        Self {
            moves: moves.len(),
            bytes,
            max_to_mean: fullest * weights / total.max(1.0),
            stranded: owners
                .iter()
                .filter(|owner| draining.contains(owner))
                .count(),
        }
    }
}
