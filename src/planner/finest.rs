//! The lightest shards of each node: where not even they help, nothing does.

use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::world::World;

/// For each of some aims, and each node, a weight that no shard which could be moved is below.
pub(super) struct Finest<'r> {
    aim: &'r Aim,
    above: &'r [Aim],
    weights: Column<NodeAt, u64>,
    weights_above: Vec<Column<NodeAt, u64>>,
}

impl<'r> Finest<'r> {
    /// Of the shards that weigh at least `lightest` in what `aim` balances.
    pub(super) fn new(world: &World<'_>, aim: &'r Aim, above: &'r [Aim], lightest: u64) -> Self {
        let nothing = Column::of(world.nodes.len(), u64::MAX);
        let mut finest = Self {
            aim,
            above,
            weights_above: vec![nothing.clone(); above.len()],
            weights: nothing,
        };
        if aim.outside(world).next().is_some() {
            for shard in world.shards.places() {
                if aim.weight(world, shard) >= lightest {
                    finest.arrives(world, shard, world.at(shard));
                }
            }
        }
        finest
    }

    /// A shard comes to a node. What leaves one is not forgotten: the weights are then too low, which
    /// costs a look.
    pub(super) fn arrives(&mut self, world: &World<'_>, shard: ShardAt, node: NodeAt) {
        let weight = &mut self.weights[node];
        *weight = self.aim.weight(world, shard).min(*weight);
        for (weights, aim) in self.weights_above.iter_mut().zip(self.above) {
            weights[node] = aim.weight(world, shard).min(weights[node]);
        }
    }

    /// Whether a shard as light as the lightest would help. The gain and the harm of a move are such
    /// that a lighter shard helps where a heavier one does, and harms no more.
    pub(super) fn may_help(&self, world: &World<'_>, from: NodeAt, to: NodeAt) -> bool {
        let mut above = self.above.iter().zip(&self.weights_above);
        self.aim
            .gain_of(world, self.weights[from], from, to)
            .is_some()
            && above.all(|(aim, weights)| !aim.worsens_by(world, weights[from], from, to))
    }
}
