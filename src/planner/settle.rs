//! Where a shard ends that fits into no band decides what the others share: not always where it is.

use std::cmp::Reverse;

use super::aim::{Aim, level};
use super::column::{NodeAt, ShardAt};
use super::world::World;
use super::{Availability, Resource};

/// So many of these shards are looked at, the heaviest.
const OVERSIZED_MAX: usize = 4;

/// Only where no more than this part of the moves remain is another node better.
const BETTER_PART: usize = 2;

/// The bands around the fair shares as the shards are now; or as they are if one that fits into no band
/// goes to the least full node that takes it, where that leaves less than half as much to move.
pub(super) fn settled(world: &World<'_>, resource: Resource) -> Aim {
    let mut aim = Aim::new(world, resource);
    let Some(least) = aim.oversized() else {
        return aim;
    };
    let is_oversized = |shard: &ShardAt| world.weight(*shard, resource) >= least;
    let shards = world.shards.places().filter(is_oversized);
    let may_move = |shard: &ShardAt| {
        let is_active = world.is(world.at(*shard), Availability::Active);
        is_active && world.is_free(*shard) && !world.is_moved(*shard)
    };
    let mut shards: Vec<ShardAt> = shards.filter(may_move).collect();
    shards.sort_unstable_by_key(|shard| (Reverse(world.weight(*shard, resource)), *shard));
    let mut now = world.clone();
    for shard in shards.into_iter().take(OVERSIZED_MAX) {
        let from = now.at(shard);
        let Some(to) = least_full(&now, resource, shard) else {
            continue;
        };
        let cost = leave(&now, &aim, from) + leave(&now, &aim, to);
        let mut then = now.clone();
        then.put(shard, to);
        let aim_then = Aim::new(&then, resource);
        let cost_then = 1 + leave(&then, &aim_then, from) + leave(&then, &aim_then, to);
        if cost_then < cost / BETTER_PART {
            (now, aim) = (then, aim_then);
        }
    }
    aim
}

fn least_full(world: &World<'_>, resource: Resource, shard: ShardAt) -> Option<NodeAt> {
    let nodes = world.active.iter().copied();
    let takes = |node: &NodeAt| *node != world.at(shard) && world.refusal(shard, *node).is_none();
    let load = |node: &NodeAt| (level(world, *node, world.load(*node, resource)), *node);
    nodes.filter(takes).min_by_key(load)
}

/// How many shards leave a node at least, beside any that fits into no band.
fn leave(world: &World<'_>, aim: &Aim, node: NodeAt) -> usize {
    let mut excess = aim.excess(world, node);
    if excess == 0 {
        return 0;
    }
    let least = aim.oversized().unwrap_or(u64::MAX);
    let shards = world.shards.places();
    let shards = shards.filter(|shard| world.at(*shard) == node && world.is_free(*shard));
    let weights = shards.map(|shard| aim.weight(world, shard));
    let mut weights: Vec<u64> = weights.filter(|weight| *weight < least).collect();
    weights.sort_unstable_by_key(|weight| Reverse(*weight));
    let mut count = 0;
    for weight in weights {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(u128::from(weight));
        count += 1;
    }
    count
}
