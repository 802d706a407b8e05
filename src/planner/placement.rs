//! Whether there is any placement in which every node is in its band: where there are few shards, all are
//! tried.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::{NodeAt, ShardAt};
use super::world::World;
use super::{Availability, Band};

/// How many places of shards are tried.
const TRIES: usize = 100_000;

/// Only where there are at most so many shards times nodes.
const SIZE_MAX: usize = 1024;

/// Whether it is proven that no placement brings every active node into its band: whatever the order of
/// the moves, and whatever else they would break. A shard that can move may be where it is and on every
/// active node that its own rules and traces do not refuse.
pub(super) fn is_impossible(world: &World<'_>, aim: &Aim) -> bool {
    if world.shards.len().saturating_mul(world.active.len()) > SIZE_MAX {
        return false;
    }
    let bands = world.active.iter().map(|node| aim.band(*node));
    let mut search = Search {
        bands: bands.collect(),
        loads: vec![0; world.active.len()],
        shards: Vec::new(),
        tries: TRIES,
    };
    for shard in world.shards.places() {
        let weight = u128::from(aim.weight(world, shard));
        let owner = world.owner[shard];
        let stays = !world.is_free(shard) || world.is(owner, Availability::Down);
        let here = world.active.binary_search(&world.at(shard));
        if stays && let Ok(here) = here {
            search.add(here, weight);
        } else if !stays && weight > 0 {
            let nodes = world.active.iter().enumerate();
            let mut places: Vec<Option<usize>> = nodes
                .filter(|(_, node)| **node == owner || takes(world, shard, **node))
                .map(|(place, _)| Some(place))
                .collect();
            if !world.is(owner, Availability::Active) {
                places.push(None);
            }
            search.shards.push((weight, places));
        }
    }
    // What is hardest to place first, and like beside like.
    search
        .shards
        .sort_by_cached_key(|(weight, places)| (Reverse(*weight), places.clone()));
    let mut rest = 0;
    let mut rests = vec![0];
    for (weight, _) in search.shards.iter().rev() {
        rest += *weight;
        rests.push(rest);
    }
    rests.reverse();
    !search.finds(0, 0, &rests) && search.tries > 0
}

fn takes(world: &World<'_>, shard: ShardAt, node: NodeAt) -> bool {
    world.ban(shard, node).is_none() && world.trace(shard, node).is_none()
}

struct Search {
    bands: Vec<Band>,
    loads: Vec<u128>,
    /// The weight of each, and where it may be: `None` is outside the balance.
    shards: Vec<(u128, Vec<Option<usize>>)>,
    tries: usize,
}

impl Search {
    fn add(&mut self, place: usize, weight: u128) {
        if let Some(load) = self.loads.get_mut(place) {
            *load += weight;
        }
    }

    fn subtract(&mut self, place: usize, weight: u128) {
        if let Some(load) = self.loads.get_mut(place) {
            *load -= weight;
        }
    }

    /// Whether the shards from `at` on can be placed such that every node is in its band; those like the
    /// one before only from the `first` of its places on, as the others give nothing new. `rests`: what
    /// they weigh together.
    fn finds(&mut self, at: usize, first: usize, rests: &[u128]) -> bool {
        let pairs = self.bands.iter().zip(&self.loads);
        let (mut lack, mut excess) = (0_u128, 0_u128);
        for (band, load) in pairs {
            lack = lack.saturating_add(band.least.saturating_sub(*load));
            excess = excess.saturating_add(load.saturating_sub(band.most));
        }
        let rest = rests.get(at).copied().unwrap_or_default();
        if excess > 0 || lack > rest {
            return false;
        }
        let Some((weight, places)) = self.shards.get(at).cloned() else {
            return true;
        };
        let next = self.shards.get(at.saturating_add(1));
        let is_like = next.is_some_and(|next| *next == (weight, places.clone()));
        for (nth, place) in places.iter().enumerate().skip(first) {
            if self.tries == 0 {
                return false;
            }
            self.tries -= 1;
            if let Some(place) = place {
                self.add(*place, weight);
            }
            let found = self.finds(at.saturating_add(1), if is_like { nth } else { 0 }, rests);
            if let Some(place) = place {
                self.subtract(*place, weight);
            }
            if found {
                return true;
            }
        }
        false
    }
}
