//! Where giant shards go: what one makes others leave is weighed before anything else moves.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::cover::Covers;
use super::world::World;

/// So many giants are looked at, the heaviest of all: at most, and times the nodes.
const GIANTS_MAX: usize = 256;
const LOOKS_MAX: usize = 256_000;

/// How often each of them is looked at.
const PASSES: usize = 4;

/// The shards that are heavier than a band is wide, heaviest first, and what could leave each node.
struct Giants<'c> {
    giants: Vec<ShardAt>,
    covers: &'c Covers,
    /// How many of the cover of each node are giants.
    counts: Column<NodeAt, usize>,
}

impl<'c> Giants<'c> {
    fn new(world: &World<'_>, aim: &Aim, covers: &'c Covers) -> Option<Self> {
        let light = aim.width(world);
        let is_giant = |weight: u64| u128::from(weight) > light;
        if !is_giant(covers.heaviest()) {
            return None;
        }
        let giants = world.shards.places();
        let giants = giants.filter(|shard| is_giant(aim.weight(world, *shard)));
        let mut giants: Vec<ShardAt> = giants.filter(|shard| world.is_free(*shard)).collect();
        giants.sort_unstable_by_key(|shard| (Reverse(aim.weight(world, *shard)), *shard));
        let most = LOOKS_MAX / world.active.len().max(1);
        giants.truncate(most.min(GIANTS_MAX));
        let count = |node| {
            let weights = covers.of(node).heaviest();
            weights.partition_point(|weight| is_giant(*weight))
        };
        let counts: Vec<usize> = world.nodes.places().map(count).collect();
        Some(Self {
            giants,
            covers,
            counts: counts.into(),
        })
    }

    /// How many others leave a node if it holds so much.
    fn leave(&self, aim: &Aim, node: NodeAt, load: u128) -> usize {
        let excess = load.saturating_sub(aim.band(node).most);
        self.covers.of(node).fewest(self.counts[node], excess)
    }
}

/// Moves giant shards to where they make the fewest others leave, one at a time, the heaviest first.
/// Answers whether one moved.
pub(super) fn host(world: &mut World<'_>, aim: &Aim, covers: &Covers) -> bool {
    let Some(giants) = Giants::new(world, aim, covers) else {
        return false;
    };
    let mut any = false;
    for _ in 0..PASSES {
        let mut moved = false;
        for shard in giants.giants.iter().copied() {
            if let Some(to) = giants.better_host(world, aim, shard) {
                world.put(shard, to);
                moved = true;
            }
        }
        any |= moved;
        if !moved {
            break;
        }
    }
    any
}

impl Giants<'_> {
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
