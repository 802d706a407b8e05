//! What must be put right before anything is balanced: shards that are where they may not be.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::column::{Column, NodeAt, ShardAt};
use super::emptiest::Emptiest;
use super::room::make_room;
use super::world::World;
use super::{Availability, MoveReason, Refusal, Wrong};

/// The shards that have to move, and why.
pub(super) type Forced = BTreeMap<ShardAt, Cause>;

/// Why a shard has to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something is wrong where it is.
    Wrong(Wrong),
    /// This shard has to come where it is, and finds no room.
    InTheWayOf(ShardAt),
}

impl Cause {
    /// Whether the shard itself has to leave: not any one of several.
    pub(super) fn is_certain(self) -> bool {
        match self {
            Self::Wrong(Wrong::Draining) => true,
            Self::Wrong(Wrong::Refused(refusal)) => refusal != Refusal::Group,
            Self::Wrong(Wrong::Overfull(_) | Wrong::Spread) | Self::InTheWayOf(_) => false,
        }
    }

    pub(super) fn reason(self, world: &World<'_>, shard: ShardAt) -> MoveReason {
        match self {
            Self::Wrong(Wrong::Draining) => MoveReason::Drain,
            Self::Wrong(Wrong::Refused(refusal)) => MoveReason::Misplaced(refusal),
            Self::Wrong(Wrong::Overfull(resource)) => {
                MoveReason::Overfull(world.relieved_by(shard).unwrap_or(resource))
            }
            Self::Wrong(Wrong::Spread) => MoveReason::Spread,
            Self::InTheWayOf(coming) => MoveReason::Room(world.shards[coming].id),
        }
    }
}

/// Moves each shard that may not stay where it is to the least full node that takes it: those on
/// draining nodes and where they are forbidden, then those beside another of their group, then groups
/// in too few zones, then what is more than a node has room for. Adds to `forced` what is wrong with
/// each that has to move, whether it could or not. What has moved already stays there.
pub(super) fn place(world: &mut World<'_>, forced: &mut Forced) {
    let resource = world.policy.balance();
    forced.retain(|shard, cause| world.is_moved(*shard) || is_waiting(world, *shard, *cause));
    let mut emptiest = Emptiest::new(world, &world.active, resource);
    let banned = world.banned.iter().copied();
    let mut banned: Vec<(ShardAt, Wrong)> = banned
        .filter(|(shard, _)| !world.is_moved(*shard))
        .collect();
    // Heaviest first: what is hardest to place is placed while there is most room.
    banned.sort_by_key(|(shard, _)| (Reverse(world.weight(*shard, resource)), *shard));
    for (shard, wrong) in banned {
        forced.insert(shard, Cause::Wrong(wrong));
        relocate(world, shard, &mut emptiest);
    }
    if world.groups.are_there() {
        separate(world, &mut emptiest, forced);
        spread(world, &mut emptiest, forced);
    }
    relieve(world, &mut emptiest, forced);
    // What found no room at first may find some now.
    retry(world, &mut emptiest, forced);
    make_room(world, &mut emptiest, forced, false);
}

/// Puts right what no other way could, also by moving on what has moved. Answers whether something
/// moved.
pub(super) fn place_anew(world: &mut World<'_>, forced: &mut Forced) -> bool {
    let mut emptiest = Emptiest::new(world, &world.active, world.policy.balance());
    make_room(world, &mut emptiest, forced, true)
}

fn retry(world: &mut World<'_>, emptiest: &mut Emptiest, forced: &Forced) {
    for (shard, cause) in forced {
        if !is_waiting(world, *shard, *cause) {
            continue;
        }
        let rights = |world: &World<'_>, to| is_put_right(world, *shard, to, *cause);
        if let Some(to) = best_taker(world, *shard, emptiest, rights) {
            emptiest.put(world, *shard, to);
        }
    }
}

/// Whether a shard has to move for something that is wrong, could, and has not.
pub(super) fn is_waiting(world: &World<'_>, shard: ShardAt, cause: Cause) -> bool {
    let could = world.is_free(shard) && !world.is_moved(shard);
    could && matches!(cause, Cause::Wrong(wrong) if is_wrong(world, shard, wrong))
}

/// Whether what was wrong with a shard is so where it is now.
pub(super) fn is_wrong(world: &World<'_>, shard: ShardAt, wrong: Wrong) -> bool {
    match wrong {
        Wrong::Refused(Refusal::Group) => world.is_crowded(shard),
        Wrong::Draining | Wrong::Refused(_) => true,
        Wrong::Overfull(_) => world.overfull(world.at(shard)).is_some(),
        Wrong::Spread => {
            let (zones, wanted) = world.spread(shard);
            zones < wanted
        }
    }
}

/// Whether the move of a shard to `to` puts right what it has to move for.
pub(super) fn is_put_right(world: &World<'_>, shard: ShardAt, to: NodeAt, cause: Cause) -> bool {
    match cause {
        Cause::Wrong(wrong) => {
            is_wrong(world, shard, wrong)
                && match wrong {
                    Wrong::Spread => is_spread_by(world, shard, to),
                    Wrong::Overfull(_) => world.relieved_by(shard).is_some(),
                    Wrong::Draining | Wrong::Refused(_) => true,
                }
        }
        Cause::InTheWayOf(coming) => {
            let refusal = world.refusal(coming, world.at(shard));
            let Some(Refusal::Full(resource)) = refusal else {
                return false;
            };
            !world.is_moved(coming) && world.weight(shard, resource) > 0
        }
    }
}

/// Whether the move of a shard brings its group into one zone more.
fn is_spread_by(world: &World<'_>, shard: ShardAt, to: NodeAt) -> bool {
    let zone = |node| world.groups.zone(node);
    let (here, there) = (zone(world.at(shard)), zone(to));
    let members = world.groups.members(shard).iter();
    let (mut sharing, mut before) = (0, 0);
    for at in members.map(|one| zone(world.at(*one))) {
        sharing += usize::from(at == here);
        before += usize::from(at == there);
    }
    sharing > 1 && before == 0
}

/// The least full node that takes a shard and is `fine`; one that brings its group into one zone more,
/// if the group is in too few and there is such a node.
fn best_taker(
    world: &World<'_>,
    shard: ShardAt,
    emptiest: &mut Emptiest,
    fine: impl Fn(&World<'_>, NodeAt) -> bool,
) -> Option<NodeAt> {
    let (zones, wanted) = world.spread(shard);
    let spreads = |world: &World<'_>, to| fine(world, to) && is_spread_by(world, shard, to);
    let spreading = (zones < wanted).then(|| emptiest.taker_where(world, shard, spreads));
    spreading
        .flatten()
        .or_else(|| emptiest.taker_where(world, shard, fine))
}

/// Moves a shard to the least full node that takes it.
fn relocate(world: &mut World<'_>, shard: ShardAt, emptiest: &mut Emptiest) -> bool {
    if !world.is_free(shard) || world.is(world.owner[shard], Availability::Down) {
        return false;
    }
    let Some(to) = best_taker(world, shard, emptiest, |_, _| true) else {
        return false;
    };
    emptiest.put(world, shard, to);
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
    let is_down = |shard| world.is(world.at(shard), Availability::Down);
    let mut crowded: Vec<ShardAt> = world
        .shards
        .places()
        .filter(|shard| world.is_crowded(*shard) && !is_down(*shard))
        .collect();
    crowded.sort_by_key(|shard| {
        let weight = world.weight(*shard, emptiest.resource());
        (!may_leave(world, *shard), weight, *shard)
    });
    for shard in crowded {
        if world.is_crowded(shard) {
            let crowded = Cause::Wrong(Wrong::Refused(Refusal::Group));
            forced.entry(shard).or_insert(crowded);
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
            .groups
            .members(shard)
            .iter()
            .map(|one| world.groups.zone(world.at(*one)))
            .collect();
        let zone = world.groups.zone(world.at(shard));
        let shares = taken.iter().filter(|one| **one == zone).count() > 1;
        if zones >= wanted || !shares || !may_leave(world, shard) {
            continue;
        }
        let fresh = |world: &World<'_>, node| !taken.contains(&world.groups.zone(node));
        if forced
            .get(&shard)
            .is_none_or(|cause| !is_waiting(world, shard, *cause))
        {
            forced.insert(shard, Cause::Wrong(Wrong::Spread));
        }
        if let Some(to) = emptiest.taker_where(world, shard, fresh) {
            emptiest.put(world, shard, to);
        }
    }
}

/// Takes from nodes what they have no room for: of what they have too much of, the lightest shard
/// that covers the excess, else the heaviest.
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
                    forced
                        .entry(heaviest)
                        .or_insert(Cause::Wrong(Wrong::Overfull(resource)));
                }
                break;
            };
            if !shards.into_iter().any(|shard| {
                let moved = relocate(world, shard, emptiest);
                if moved {
                    forced.insert(shard, Cause::Wrong(Wrong::Overfull(resource)));
                }
                moved
            }) {
                forced.insert(first, Cause::Wrong(Wrong::Overfull(resource)));
                break;
            }
        }
    }
}
