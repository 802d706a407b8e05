//! Clusters from a seed, and what becomes of them.

use shardferry::planner::{InFlightMove, Input, PerResource, Plan, ShardInput};
use shardferry::schema::ShardId;

use crate::random::Random;
use crate::shape::{Shape, limit};
use crate::weights::Weights;

/// What a cluster is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cluster {
    pub(crate) weights: Weights,
    pub(crate) shape: Shape,
    pub(crate) nodes: u64,
    pub(crate) shards_per_node: u64,
    pub(crate) seed: u64,
}

impl Cluster {
    pub(crate) fn shards(&self) -> u64 {
        self.nodes * self.shards_per_node
    }

    /// Shard n is the n-th entry, from 1.
    pub(crate) fn input(&self) -> Input {
        let mut random = Random::new(self.seed);
        let mut input = Input::default();
        input
            .nodes
            .extend((1..=self.nodes).map(|number| self.shape.node(number)));
        input.shards.extend((1..=self.shards()).map(|number| {
            let owner = self.shape.owner(self.nodes, &mut random);
            let weights = PerResource::of_shard(self.weights.bytes(&mut random), 0);
            ShardInput::new(ShardId(number), owner, weights)
        }));
        if let Some(percent) = self.shape.room_percent() {
            limit(&mut input, self.weights.resource(), percent, &mut random);
        }
        input
    }
}

/// The cluster with every move of the plan under way.
pub(crate) fn in_flight(input: &Input, plan: &Plan) -> Input {
    let mut after = input.clone();
    after
        .in_flight
        .extend(plan.moves.iter().map(|one| InFlightMove {
            shard: one.shard,
            from: one.from,
            to: one.to,
        }));
    after
}

/// The cluster with every move of the plan done. The n-th shard of `input` has id n, from 1.
pub(crate) fn done(input: &Input, plan: &Plan) -> Input {
    let mut after = input.clone();
    for one in &plan.moves {
        after.shards[one.shard.0 as usize - 1].owner = one.to;
    }
    after
}
