//! What must be put right before anything is balanced: shards that are where they may not be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::column::{Column, NodeAt, ShardAt};
use super::emptiest::Emptiest;
use super::world::World;
use super::{Availability, MoveReason, Refusal, Resource, Wrong};

/// The shards that have to move, and why.
pub(super) type Forced = BTreeMap<ShardAt, Wrong>;

impl Wrong {
    /// Whether the shard itself has to leave: not any one of several.
    pub(super) fn is_certain(self) -> bool {
        match self {
            Self::Draining => true,
            Self::Refused(refusal) => refusal != Refusal::Group,
            Self::Overfull(_) | Self::Spread => false,
        }
    }

    pub(super) fn reason(self) -> MoveReason {
        match self {
            Self::Draining => MoveReason::Drain,
            Self::Refused(refusal) => MoveReason::Misplaced(refusal),
            Self::Overfull(resource) => MoveReason::Overfull(resource),
            Self::Spread => MoveReason::Spread,
        }
    }
}

/// Moves each shard that may not stay where it is to the least full node that takes it: those on
/// draining nodes and where they are forbidden, then those beside another of their group, then groups
/// in too few zones, then what is more than a node has room for. Answers what is wrong with each that
/// has to move, whether it could or not.
pub(super) fn place(world: &mut World<'_>, resource: Resource) -> Forced {
    let active: Vec<NodeAt> = world.nodes_in(Availability::Active).collect();
    let mut emptiest = Emptiest::new(world, &active, resource);
    let mut forced = Forced::new();

    let mut banned: Vec<(ShardAt, Wrong)> = Vec::new();
    for shard in world.shards.places() {
        if let Some(wrong) = banned_where_it_is(world, shard) {
            banned.push((shard, wrong));
        }
    }
    // Heaviest first: what is hardest to place is placed while there is most room.
    banned.sort_by_key(|(shard, _)| (Reverse(world.weight(*shard, resource)), *shard));
    for (shard, wrong) in banned {
        forced.insert(shard, wrong);
        relocate(world, shard, &mut emptiest);
    }
    separate(world, &mut emptiest, &mut forced);
    spread(world, &mut emptiest, &mut forced);
    relieve(world, &mut emptiest, &mut forced);
    // What made no room at first may have some now.
    retry(world, &mut emptiest, &forced);
    forced
}

/// Moves what has to move and found no room before. Answers whether something did.
pub(super) fn place_again(world: &mut World<'_>, resource: Resource, forced: &Forced) -> bool {
    let active: Vec<NodeAt> = world.nodes_in(Availability::Active).collect();
    let mut emptiest = Emptiest::new(world, &active, resource);
    retry(world, &mut emptiest, forced)
}

fn retry(world: &mut World<'_>, emptiest: &mut Emptiest, forced: &Forced) -> bool {
    let mut moved = false;
    for (shard, wrong) in forced {
        if !world.is_free(*shard) || world.is_moved(*shard) {
            continue;
        }
        let rights = |world: &World<'_>, to| is_put_right(world, *shard, to, *wrong);
        if is_wrong(world, *shard, *wrong)
            && let Some(to) = emptiest.taker_where(world, *shard, rights)
        {
            world.put(*shard, to);
            moved = true;
        }
    }
    moved
}

/// Whether what was wrong with a shard is so where it is now.
pub(super) fn is_wrong(world: &World<'_>, shard: ShardAt, wrong: Wrong) -> bool {
    match wrong {
        Wrong::Refused(Refusal::Group) => is_crowded(world, shard),
        Wrong::Draining | Wrong::Refused(_) => true,
        Wrong::Overfull(resource) => world.above_capacity(world.at(shard), resource) > 0,
        Wrong::Spread => {
            let (zones, wanted) = world.spread(shard);
            zones < wanted
        }
    }
}

/// Whether something is wrong with a shard that its move to `to` puts right.
pub(super) fn is_put_right(world: &World<'_>, shard: ShardAt, to: NodeAt, wrong: Wrong) -> bool {
    is_wrong(world, shard, wrong)
        && match wrong {
            Wrong::Spread => {
                let zone = |node| world.groups().zone(node);
                let others = || {
                    world
                        .groups()
                        .members(shard)
                        .iter()
                        .map(|one| world.at(*one))
                };
                let shares = others()
                    .filter(|at| zone(*at) == zone(world.at(shard)))
                    .count()
                    > 1;
                shares && others().all(|at| zone(at) != zone(to))
            }
            Wrong::Overfull(resource) => world.weight(shard, resource) > 0,
            Wrong::Draining | Wrong::Refused(_) => true,
        }
}

/// Whether another shard of its group counts where a shard does.
fn is_crowded(world: &World<'_>, shard: ShardAt) -> bool {
    let at = world.at(shard);
    world.groups().copies(shard, at) > 1
        && world
            .groups()
            .members(shard)
            .iter()
            .any(|other| *other != shard && world.at(*other) == at)
}

fn banned_where_it_is(world: &World<'_>, shard: ShardAt) -> Option<Wrong> {
    if world.stay[shard] == super::world::Stay::InFlight {
        return None;
    }
    let node = world.owner[shard];
    match world.nodes[node].state {
        Availability::Draining => Some(Wrong::Draining),
        Availability::Active | Availability::NoAccept => world.ban(shard, node).map(Wrong::Refused),
        Availability::Down => None,
    }
}

/// Moves a shard to the least full node that takes it.
fn relocate(world: &mut World<'_>, shard: ShardAt, emptiest: &mut Emptiest) -> bool {
    if !world.is_free(shard) {
        return false;
    }
    let Some(to) = emptiest.taker(world, shard) else {
        return false;
    };
    world.put(shard, to);
    true
}

/// Whether a shard may be taken from the node where it is.
fn may_leave(world: &World<'_>, shard: ShardAt) -> bool {
    let state = world.nodes[world.at(shard)].state;
    world.is_free(shard)
        && world.at(shard) == world.owner[shard]
        && matches!(state, Availability::Active | Availability::NoAccept)
}

/// Parts shards of one group that share a node: all but one leave, and the lightest first.
fn separate(world: &mut World<'_>, emptiest: &mut Emptiest, forced: &mut Forced) {
    let mut crowded: Vec<ShardAt> = world
        .shards
        .places()
        .filter(|shard| is_crowded(world, *shard))
        .collect();
    crowded.sort_by_key(|shard| {
        let weight = world.weight(*shard, emptiest.resource());
        (!may_leave(world, *shard), weight, *shard)
    });
    for shard in crowded {
        if is_crowded(world, shard) {
            forced.insert(shard, Wrong::Refused(Refusal::Group));
            relocate(world, shard, emptiest);
        }
    }
}

/// Brings groups into more zones: a shard that shares its zone with another of its group goes to a
/// zone that has none.
fn spread(world: &mut World<'_>, emptiest: &mut Emptiest, forced: &mut Forced) {
    if world.policy.min_zones_per_group() < 2 {
        return;
    }
    let narrow: Vec<ShardAt> = world
        .shards
        .places()
        .filter(|shard| {
            let (zones, wanted) = world.spread(*shard);
            zones < wanted
        })
        .collect();
    for shard in narrow.iter().copied() {
        let (zones, wanted) = world.spread(shard);
        let taken: Vec<u32> = world
            .groups()
            .members(shard)
            .iter()
            .map(|one| world.groups().zone(world.at(*one)))
            .collect();
        let zone = world.groups().zone(world.at(shard));
        let shares = taken.iter().filter(|one| **one == zone).count() > 1;
        if zones >= wanted || !shares || !may_leave(world, shard) {
            continue;
        }
        let fresh = |world: &World<'_>, node| !taken.contains(&world.groups().zone(node));
        forced.insert(shard, Wrong::Spread);
        if let Some(to) = emptiest.taker_where(world, shard, fresh) {
            world.put(shard, to);
        }
    }
    // A group that stays in too few zones is named by one of its shards.
    let spread = forced.iter().filter(|(_, wrong)| **wrong == Wrong::Spread);
    let mut named: BTreeSet<_> = spread
        .filter_map(|(shard, _)| world.groups().of(*shard))
        .collect();
    for shard in narrow {
        let (zones, wanted) = world.spread(shard);
        if zones < wanted
            && world
                .groups()
                .of(shard)
                .is_some_and(|group| named.insert(group))
        {
            forced.entry(shard).or_insert(Wrong::Spread);
        }
    }
}

/// Takes from nodes what they have no room for: of what they have too much of, the heaviest shard
/// that is no more than the excess, else the lightest that covers it.
fn relieve(world: &mut World<'_>, emptiest: &mut Emptiest, forced: &mut Forced) {
    let overfull: Vec<NodeAt> = world
        .nodes
        .places()
        .filter(|node| world.overfull(*node).is_some())
        .filter(|node| {
            let state = world.nodes[*node].state;
            matches!(state, Availability::Active | Availability::NoAccept)
        })
        .collect();
    if overfull.is_empty() {
        return;
    }
    let mut here: Column<NodeAt, Vec<ShardAt>> = Column::of(world.nodes.len(), Vec::new());
    for shard in world.shards.places() {
        let node = world.at(shard);
        if world.overfull(node).is_some() && may_leave(world, shard) {
            here[node].push(shard);
        }
    }
    for node in overfull {
        while let Some(resource) = world.overfull(node) {
            let excess = world.above_capacity(node, resource);
            here[node].retain(|shard| world.at(*shard) == node);
            let mut shards = here[node].clone();
            shards.retain(|shard| world.weight(*shard, resource) > 0);
            shards.sort_by_key(|shard| {
                let weight = u128::from(world.weight(*shard, resource));
                let order = if weight >= excess {
                    weight
                } else {
                    u128::MAX - weight
                };
                (order, *shard)
            });
            let Some(first) = shards.first().copied() else {
                // Nothing can leave: what weighs most is named.
                let here = world
                    .shards
                    .places()
                    .filter(|shard| world.at(*shard) == node);
                let heaviest = here.max_by_key(|shard| world.weight(*shard, resource));
                if let Some(heaviest) = heaviest {
                    forced.entry(heaviest).or_insert(Wrong::Overfull(resource));
                }
                break;
            };
            if !shards.into_iter().any(|shard| {
                let moved = relocate(world, shard, emptiest);
                if moved {
                    forced.insert(shard, Wrong::Overfull(resource));
                }
                moved
            }) {
                forced.insert(first, Wrong::Overfull(resource));
                break;
            }
        }
    }
}
