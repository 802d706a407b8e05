//! The shards of each node, heaviest first.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::{Column, Members, NodeAt, ShardAt};
use super::world::World;

/// The shards that may move and have not, by the node where they are.
pub(super) struct Homes {
    shards: Members<NodeAt, ShardAt>,
    sorted: Column<NodeAt, bool>,
}

impl Homes {
    pub(super) fn new(world: &World<'_>) -> Self {
        let stays = |shard| world.is_free(shard) && !world.is_moved(shard);
        let place = |shard| stays(shard).then(|| world.at(shard));
        Self {
            shards: Members::new(world.nodes.len(), world.shards.places(), place),
            sorted: Column::of(world.nodes.len(), false),
        }
    }

    /// The shards of `node`, in any order; also those that have left it since.
    pub(super) fn of(&self, node: NodeAt) -> &[ShardAt] {
        self.shards.of(node)
    }

    /// The shards of `node`, heaviest first; also those that have left it since.
    pub(super) fn heaviest_first(
        &mut self,
        world: &World<'_>,
        aim: &Aim,
        node: NodeAt,
    ) -> &[ShardAt] {
        let shards = self.shards.of_mut(node);
        if !self.sorted[node] {
            shards.sort_by_cached_key(|shard| (Reverse(aim.weight(world, *shard)), *shard));
            self.sorted[node] = true;
        }
        self.shards.of(node)
    }
}

/// The first place in `shards`, heaviest first, of one that weighs at most `most`.
pub(super) fn at_most(world: &World<'_>, aim: &Aim, shards: &[ShardAt], most: u128) -> usize {
    shards.partition_point(|shard| u128::from(aim.weight(world, *shard)) > most)
}
