//! The fewest moves, searched for: where there are few shards, what is missing to the bound is worth
//! looking for.

use super::aim::Aim;
use super::column::{NodeAt, ShardAt};
use super::world::World;

/// How many moves are tried.
const TRIES: usize = 50_000;
/// Only where there are at most so many shards times nodes.
const SIZE_MAX: usize = 1024;

/// Looks for fewer than `most` moves, and at least `least`, that bring every node into its band and are
/// `fine`; `world` is the cluster before any of them.
pub(super) fn search<'a>(
    world: &World<'a>,
    aim: &Aim,
    (least, most): (usize, usize),
    fine: &dyn Fn(&World<'a>) -> bool,
) -> Option<World<'a>> {
    if world.shards.len().saturating_mul(world.active.len()) > SIZE_MAX {
        return None;
    }
    let mut search = Search {
        aim,
        fine,
        world: world.clone(),
        moved: Vec::new(),
        sent_on: world.moved().count(),
        tries: TRIES,
    };
    for moves in least..most {
        if search.reaches(moves) {
            return Some(search.world);
        }
        if search.tries == 0 {
            break;
        }
    }
    None
}

struct Search<'a, 's> {
    aim: &'s Aim,
    fine: &'s dyn Fn(&World<'a>) -> bool,
    world: World<'a>,
    moved: Vec<ShardAt>,
    /// How many shards that move anyhow may still be sent elsewhere.
    sent_on: usize,
    tries: usize,
}

impl Search<'_, '_> {
    /// Whether so many moves can bring every node into its band: those of the node that is furthest
    /// out are tried, as one of them must be made.
    fn reaches(&mut self, moves: usize) -> bool {
        let (aim, world) = (self.aim, &self.world);
        let (mut above, mut below) = (0_usize, 0_usize);
        let mut worst: Option<(u128, NodeAt)> = None;
        for node in &world.active {
            let (excess, lack) = (aim.excess(world, *node), aim.lack(world, *node));
            above += usize::from(excess > 0);
            below += usize::from(lack > 0);
            let out = excess.max(lack);
            if out > 0 && worst.is_none_or(|(most, _)| out > most) {
                worst = Some((out, *node));
            }
        }
        let Some((_, node)) = worst else {
            return (self.fine)(&self.world);
        };
        if above.max(below) > moves.saturating_add(self.sent_on) {
            return false;
        }
        let gives = aim.excess(world, node) > 0;
        for (shard, to) in self.options(node, gives) {
            if self.tries == 0 {
                return false;
            }
            self.tries -= 1;
            // A shard that moves anyhow costs nothing more elsewhere.
            let anyhow = self.world.is_moved(shard);
            if self.world.refusal(shard, to).is_some() || (!anyhow && moves == 0) {
                continue;
            }
            let from = self.world.at(shard);
            self.world.put(shard, to);
            self.moved.push(shard);
            self.sent_on -= usize::from(anyhow);
            if self.reaches(moves - usize::from(!anyhow)) {
                return true;
            }
            self.sent_on += usize::from(anyhow);
            self.moved.pop();
            self.world.put(shard, from);
        }
        false
    }

    fn options(&self, node: NodeAt, gives: bool) -> Vec<(ShardAt, NodeAt)> {
        let (aim, world) = (self.aim, &self.world);
        let mut options = Vec::new();
        for shard in world.shards.places() {
            let at = world.at(shard);
            let weight = aim.weight(world, shard);
            let fixed = !world.is_free(shard) || self.moved.contains(&shard);
            if fixed || weight == 0 || (at == node) != gives || !world.active.contains(&at) {
                continue;
            }
            let receivers: &[NodeAt] = if gives {
                &world.active
            } else {
                std::slice::from_ref(&node)
            };
            for to in receivers.iter().filter(|to| **to != at) {
                options.push((shard, *to));
            }
        }
        // What leaves the two nodes closest to their bands is tried first.
        let distance = |(shard, to): &(ShardAt, NodeAt)| {
            let weight = u128::from(aim.weight(world, *shard));
            let from = world.at(*shard);
            let load = |node| world.load(node, aim.resource);
            aim.band(from).distance(load(from).saturating_sub(weight))
                + aim.band(*to).distance(load(*to) + weight)
        };
        options.sort_by_cached_key(|option| (distance(option), *option));
        options
    }
}
