//! Room for what has to move and finds none: others leave.

use std::collections::BTreeMap;

use super::column::{NodeAt, ShardAt};
use super::emptiest::Emptiest;
use super::place::{Cause, Forced, is_put_right, is_waiting};
use super::world::World;
use super::{Availability, Refusal, Resource};

/// How many nodes are looked at in all: for each shard that is to leave, all of them.
const LOOKS: usize = 500_000;

/// Moves shards away from nodes such that those that have to leave theirs, and were refused for want
/// of room, find some: the first node where that works for each, and there the lightest shard that is
/// enough, else the heaviest first. Those that have to move themselves, or have moved, leave only if
/// `moves_on`.
pub(super) fn make_room(
    world: &mut World<'_>,
    emptiest: &mut Emptiest,
    forced: &mut Forced,
    moves_on: bool,
) -> bool {
    let waiting = forced.iter();
    let waiting = waiting.filter(|(shard, cause)| is_waiting(world, **shard, **cause));
    let waiting = waiting.map(|(shard, cause)| (*shard, *cause));
    let waiting: Vec<(ShardAt, Cause)> = waiting
        .filter(|(shard, _)| !world.is(world.at(*shard), Availability::Down))
        .collect();
    if waiting.is_empty() {
        return false;
    }
    let mut any = false;
    let mut here: BTreeMap<NodeAt, Vec<ShardAt>> = BTreeMap::new();
    for shard in world.shards.places() {
        let node = world.at(shard);
        let stays = !world.is_moved(shard) && !has_to_move(forced, shard);
        if world.is_free(shard) && (stays || moves_on) && world.is(node, Availability::Active) {
            here.entry(node).or_default().push(shard);
        }
    }
    let mut looks = LOOKS / world.active.len().max(1);
    for (shard, cause) in waiting {
        for node in world.active.clone() {
            let is_full = matches!(world.refusal(shard, node), Some(Refusal::Full(_)));
            if !is_full || !is_put_right(world, shard, node, cause) {
                continue;
            }
            if looks == 0 {
                return any;
            }
            let others = here.get(&node).map_or(&[][..], Vec::as_slice);
            let Some(left) = enter(world, (emptiest, forced, &mut looks), shard, node, others)
            else {
                continue;
            };
            any = true;
            for (other, has_to_move) in left {
                if !has_to_move {
                    forced.insert(other, Cause::InTheWayOf(shard));
                }
            }
            break;
        }
    }
    any
}

/// Whether a shard moves, or is to, for something that is wrong with itself.
fn has_to_move(forced: &Forced, shard: ShardAt) -> bool {
    matches!(forced.get(&shard), Some(Cause::Wrong(_)))
}

/// Moves `shard` to `node` and some of the `others` away from there, so that it fits: which ones, and
/// whether they have to move themselves. `None`, and nothing is moved: it does not fit.
fn enter(
    world: &mut World<'_>,
    (emptiest, forced, looks): (&mut Emptiest, &Forced, &mut usize),
    shard: ShardAt,
    node: NodeAt,
    others: &[ShardAt],
) -> Option<Vec<(ShardAt, bool)>> {
    let home = world.at(shard);
    emptiest.put(world, shard, node);
    let mut left = Vec::new();
    while let Some((resource, excess)) = too_much(world, shard, node) {
        let weight = |other: &ShardAt| u128::from(world.weight(*other, resource));
        let mut others: Vec<ShardAt> = others.to_vec();
        others.retain(|other| world.at(*other) == node && weight(other) > 0);
        // The lightest that is enough, else the heaviest.
        others.sort_by_key(|other| {
            let (weight, enough) = (weight(other), weight(other) >= excess);
            (
                !enough,
                if enough { weight } else { u128::MAX - weight },
                *other,
            )
        });
        // Not to where the shard comes from: there would be room only once it has left.
        let elsewhere = |_: &World<'_>, to| to != home;
        let taker = |other: &ShardAt| {
            *looks = looks.checked_sub(1)?;
            Some((*other, emptiest.taker_where(world, *other, elsewhere)?))
        };
        let Some((other, to)) = others.iter().find_map(taker) else {
            for (other, _) in left {
                emptiest.put(world, other, node);
            }
            emptiest.put(world, shard, home);
            return None;
        };
        left.push((other, has_to_move(forced, other)));
        emptiest.put(world, other, to);
    }
    Some(left)
}

/// Of what `shard` uses, the first resource of which `node` has to have more room than it has, and how
/// much more.
fn too_much(world: &World<'_>, shard: ShardAt, node: NodeAt) -> Option<(Resource, u128)> {
    let used = world.resources().iter().copied();
    let mut used = used.filter(|one| world.weight(shard, *one) > 0);
    used.find_map(|one| {
        let excess = world.overcharge(node, one);
        (excess > 0).then_some((one, excess))
    })
}
