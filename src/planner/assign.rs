//! Where the shards go that leave: the heaviest to whoever lacks most.

use std::collections::BinaryHeap;

use super::aim::Aim;
use super::column::{NodeAt, ShardAt};
use super::world::World;

/// Moves each of `pool`, heaviest first, to the node that lacks most and stays in its band with it;
/// those that no node takes stay.
pub(super) fn assign(world: &mut World<'_>, aim: &Aim, pool: &[ShardAt]) {
    let need = |world: &World<'_>, node| (aim.lack(world, node), aim.room(world, node));
    let takes = world
        .active
        .iter()
        .filter(|node| aim.excess(world, **node) == 0);
    let mut heap: BinaryHeap<((u128, u128), NodeAt)> =
        takes.map(|node| (need(world, *node), *node)).collect();
    let mut passed = Vec::new();
    for shard in pool {
        let weight = u128::from(aim.weight(world, *shard));
        while let Some((known, node)) = heap.pop() {
            let now = need(world, node);
            if now < known {
                heap.push((now, node));
                continue;
            }
            passed.push((now, node));
            if now.1 >= weight && node != world.at(*shard) && world.refusal(*shard, node).is_none()
            {
                world.put(*shard, node);
                break;
            }
        }
        heap.extend(passed.drain(..));
    }
}
