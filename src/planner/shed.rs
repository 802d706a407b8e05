//! Which shards leave: as few as bring every node that has too much into its band, and as few more
//! as those that have too little need.

use std::collections::BinaryHeap;

use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::homes::{Homes, at_most};
use super::world::World;

/// Shards that are to leave their nodes, heaviest first.
pub(super) fn shed(world: &World<'_>, aim: &Aim, homes: &mut Homes) -> Vec<ShardAt> {
    let (mut excess, mut lack, mut room) = (0_u128, 0_u128, 0_u128);
    for node in &world.active {
        excess += aim.excess(world, *node);
        lack += aim.lack(world, *node);
        room = room.max(aim.room(world, *node));
    }
    let scarce = lack > excess;
    let mut pool: Vec<ShardAt> = Vec::new();
    let mut given: Column<NodeAt, u128> = Column::of(world.nodes.len(), 0);
    let mut supply = 0_u128;
    for node in &world.active {
        let mut excess = aim.excess(world, *node);
        if excess == 0 {
            continue;
        }
        let mut spare = aim.spare(world, *node);
        let shards = homes.heaviest_first(world, aim, *node);
        let mut next = 0;
        while excess > 0 {
            let most = spare.min(room);
            let rest = shards.get(next..).unwrap_or_default();
            next += at_most(world, aim, rest, most);
            let Some(first) = shards.get(next) else {
                break;
            };
            if world.is_moved(*first) {
                next += 1;
                continue;
            }
            let heaviest = u128::from(aim.weight(world, *first));
            if heaviest == 0 {
                break;
            }
            // The last one of a node need not be heavier than what it still has too much, unless what
            // leaves is wanted elsewhere.
            let mut chosen = next;
            if heaviest >= excess && !scarce {
                let rest = shards.get(next..).unwrap_or_default();
                chosen = next + at_most(world, aim, rest, excess - 1) - 1;
            }
            let mut from_here = shards.get(next..=chosen).unwrap_or_default().iter().rev();
            let stays = |shard: &&ShardAt| !world.is_moved(**shard);
            let Some(shard) = from_here.find(stays).copied() else {
                break;
            };
            let weight = u128::from(aim.weight(world, shard));
            pool.push(shard);
            supply += weight;
            given[*node] += weight;
            excess = excess.saturating_sub(weight);
            spare -= weight;
            next = chosen + 1;
        }
    }
    if supply < lack {
        supplement(world, aim, homes, &mut pool, &mut given, (supply, lack));
    }
    pool.sort_by_cached_key(|shard| (std::cmp::Reverse(aim.weight(world, *shard)), *shard));
    pool
}

/// Adds the heaviest shards that nodes can give and stay in their bands, until what the others lack
/// is there.
fn supplement(
    world: &World<'_>,
    aim: &Aim,
    homes: &mut Homes,
    pool: &mut Vec<ShardAt>,
    given: &mut Column<NodeAt, u128>,
    (mut supply, lack): (u128, u128),
) {
    let room = world.active.iter().map(|node| aim.room(world, *node)).max();
    let room = room.unwrap_or_default();
    let chosen: std::collections::BTreeSet<ShardAt> = pool.iter().copied().collect();
    let mut next_of: Column<NodeAt, usize> = Column::of(world.nodes.len(), 0);
    let mut advance = |homes: &mut Homes, given: &Column<NodeAt, u128>, node: NodeAt| {
        let most = aim.spare(world, node).saturating_sub(given[node]).min(room);
        if most == 0 {
            return None;
        }
        let shards = homes.heaviest_first(world, aim, node);
        let mut next = next_of[node];
        loop {
            let rest = shards.get(next..).unwrap_or_default();
            next += at_most(world, aim, rest, most);
            let shard = *shards.get(next)?;
            next += 1;
            if !chosen.contains(&shard) && !world.is_moved(shard) {
                next_of[node] = next;
                let weight = aim.weight(world, shard);
                return (weight > 0).then_some((weight, shard));
            }
        }
    };
    let mut heap: BinaryHeap<(u64, std::cmp::Reverse<ShardAt>, NodeAt)> = BinaryHeap::new();
    for node in &world.active {
        if aim.lack(world, *node) == 0
            && let Some((weight, shard)) = advance(homes, given, *node)
        {
            heap.push((weight, std::cmp::Reverse(shard), *node));
        }
    }
    while supply < lack
        && let Some((weight, std::cmp::Reverse(shard), node)) = heap.pop()
    {
        pool.push(shard);
        supply += u128::from(weight);
        given[node] += u128::from(weight);
        if let Some((weight, shard)) = advance(homes, given, node) {
            heap.push((weight, std::cmp::Reverse(shard), node));
        }
    }
}
