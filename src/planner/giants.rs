//! Where giant shards go: what one makes others leave is weighed before anything else moves.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::{Column, NodeAt, Place as _, ShardAt};
use super::cover::Cover;
use super::world::World;

/// So many giants are looked at, the heaviest of all.
const GIANTS_MAX: usize = 256;

/// How often each of them is looked at.
const PASSES: usize = 4;

/// The shards that no band has room for beside its width, heaviest first, and for each node the others,
/// as far as they may leave and have not moved.
struct Giants {
    giants: Vec<ShardAt>,
    others: Column<NodeAt, Cover>,
}

impl Giants {
    fn new(world: &World<'_>, aim: &Aim) -> Option<Self> {
        let widths = world.active.iter().map(|node| aim.band(*node));
        let width = widths.map(|band| band.most.saturating_sub(band.least));
        let light = width.max().unwrap_or_default();
        let free = world.shards.places().filter(|shard| world.is_free(*shard));
        let is_giant = |shard: &ShardAt| u128::from(aim.weight(world, *shard)) > light;
        let mut giants: Vec<ShardAt> = free.clone().filter(is_giant).collect();
        if giants.is_empty() {
            return None;
        }
        giants.sort_unstable_by_key(|shard| (Reverse(aim.weight(world, *shard)), *shard));
        giants.truncate(GIANTS_MAX);
        let mut others = vec![Vec::new(); world.nodes.len()];
        for shard in free.filter(|shard| !is_giant(shard) && !world.is_moved(*shard)) {
            if let Some(others) = others.get_mut(world.at(shard).at()) {
                others.push(aim.weight(world, shard));
            }
        }
        let others: Vec<Cover> = others.into_iter().map(Cover::new).collect();
        Some(Self {
            giants,
            others: others.into(),
        })
    }

    /// How many others leave a node if it holds so much.
    fn leave(&self, aim: &Aim, node: NodeAt, load: u128) -> usize {
        self.others[node].fewest(load.saturating_sub(aim.band(node).most))
    }
}

/// Moves giant shards to where they make the fewest others leave, one at a time, the heaviest first.
pub(super) fn host(world: &mut World<'_>, aim: &Aim) {
    let Some(giants) = Giants::new(world, aim) else {
        return;
    };
    for _ in 0..PASSES {
        let mut moved = false;
        for shard in giants.giants.iter().copied() {
            if let Some(to) = giants.better_host(world, aim, shard) {
                world.put(shard, to);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
}

impl Giants {
    /// Where a giant takes fewer moves than where it is, or as few and leaves more room.
    fn better_host(&self, world: &World<'_>, aim: &Aim, shard: ShardAt) -> Option<NodeAt> {
        let weight = u128::from(aim.weight(world, shard));
        let (at, home) = (world.at(shard), world.owner[shard]);
        let cost = |node: NodeAt, load: u128| {
            let more = self.leave(aim, node, load + weight);
            let moves = more.saturating_sub(self.leave(aim, node, load));
            (moves + usize::from(node != home), load)
        };
        let rest = |node| {
            let load = world.load(node, aim.resource);
            load - if node == at { weight } else { 0 }
        };
        let mut least = cost(at, rest(at));
        let mut best = None;
        for node in world.active.iter().copied().filter(|node| *node != at) {
            let cost = cost(node, rest(node));
            if cost < least
                && world.refusal(shard, node).is_none()
                && may_gain(world, aim, shard, node)
            {
                (least, best) = (cost, Some(node));
            }
        }
        best
    }
}

/// Whether the move of a giant from its home to a node can be one that gains: the donor gives nothing
/// else before, and the receiver as much as it can and stay in its band.
fn may_gain(world: &World<'_>, aim: &Aim, shard: ShardAt, to: NodeAt) -> bool {
    let (at, home) = (world.at(shard), world.owner[shard]);
    let weight = aim.weight(world, shard);
    let load = |node| world.load(node, aim.resource);
    let before = load(home) + if at == home { 0 } else { weight.into() };
    let there = load(to).min(aim.band(to).least);
    let gain = || aim.gain_between(world, weight, (home, before), (to, there));
    to == home || gain().is_some()
}
