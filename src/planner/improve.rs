//! Fewer moves to the same end: moves that are not needed are taken back, and shards that were sent
//! where they are not needed go where they are.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::ShardAt;
use super::place::Forced;
use super::world::World;

/// How many moves are looked at for one node that lacks something.
const LOOKS: usize = 256;

/// Sends shards that a node can do without on to those that still lack something.
pub(super) fn redirect(world: &mut World<'_>, aim: &Aim, pool: &[ShardAt]) {
    let mut lacking: Vec<_> = world
        .active
        .iter()
        .copied()
        .filter(|node| aim.lack(world, *node) > 0)
        .collect();
    lacking.sort_by_key(|node| (Reverse(aim.lack(world, *node)), *node));
    for node in lacking {
        // One that is enough by itself, the lightest such; else the heaviest that is not.
        while aim.lack(world, node) > 0 {
            let (lack, room) = (aim.lack(world, node), aim.room(world, node));
            let fits = |shard: &ShardAt| u128::from(aim.weight(world, *shard)) <= room;
            let weight = |shard: &ShardAt| u128::from(aim.weight(world, *shard));
            let start = pool.partition_point(|shard| !fits(shard));
            let enough = pool
                .partition_point(|shard| weight(shard) >= lack)
                .max(start);
            let covering = pool.get(start..enough).unwrap_or_default().iter().rev();
            let partial = pool.get(enough..).unwrap_or_default().iter();
            let can_do_without = |shard: &&ShardAt| {
                let at = world.at(**shard);
                let spare = if world.is_moved(**shard) {
                    aim.spare(world, at)
                } else {
                    0
                };
                at != node
                    && weight(shard) > 0
                    && spare >= weight(shard)
                    && world.refusal(**shard, node).is_none()
            };
            let found = covering
                .take(LOOKS)
                .chain(partial.take(LOOKS))
                .find(can_do_without);
            let Some(shard) = found.copied() else {
                break;
            };
            world.put(shard, node);
        }
    }
}

/// Takes back every move without which both of its nodes are in their bands as well.
pub(super) fn prune(world: &mut World<'_>, aim: &Aim, forced: &Forced) {
    let moved = world.moved();
    let mut moved: Vec<ShardAt> = moved.filter(|shard| !forced.contains_key(shard)).collect();
    moved.sort_by_cached_key(|shard| (Reverse(world.bytes(*shard)), *shard));
    for shard in moved {
        let (home, at) = (world.owner[shard], world.at(shard));
        let weight = u128::from(aim.weight(world, shard));
        let needed = aim.spare(world, at) < weight || aim.room(world, home) < weight;
        if !needed && world.refusal(shard, home).is_none() {
            world.put(shard, home);
        }
    }
}
