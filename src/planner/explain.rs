//! Why something stays as it is.

use std::collections::BTreeSet;

use super::aim::Aim;
use super::cluster::Stay;
use super::column::{GroupAt, NodeAt, ShardAt};
use super::place::{Cause, Forced, is_wrong};
use super::placement;
use super::world::World;
use super::{Availability, Left, Refusal, Refusals, Resource, WhyNode, WhyShard, Wrong};

/// How many moves are looked at to say why a node stays outside its band.
const LOOKS: usize = 100_000;

/// A shard that stays where something is wrong with it: where, what, and why it stays.
type Unrighted = (NodeAt, ShardAt, Wrong, WhyShard);

/// What stays where it should not be.
pub(super) fn shards_left(world: &World<'_>, forced: &Forced, is_cut: bool) -> Vec<Left> {
    let why = |(shard, wrong)| {
        (
            world.at(shard),
            shard,
            wrong,
            why_shard(world, shard, is_cut),
        )
    };
    let still_wrong =
        |(shard, cause): (&ShardAt, &Cause)| Some((*shard, wrong_now(world, *shard, *cause)?));
    let mut left: Vec<Unrighted> = arriving(world);
    left.extend(forced.iter().filter_map(still_wrong).map(why));
    if is_cut {
        left.extend(crowded(world, &left).into_iter().map(why));
    }
    left.extend(overfull(world, &left).into_iter().map(why));
    left.extend(
        narrow(world)
            .into_iter()
            .map(|shard| why((shard, Wrong::Spread))),
    );
    left.sort_by_key(|(node, shard, ..)| (*node, *shard));
    let shown = |(node, shard, wrong, why): Unrighted| Left::Shard {
        shard: world.shards[shard].id,
        node: world.nodes[node].id,
        wrong,
        why,
    };
    left.into_iter().map(shown).collect()
}

/// What is on its way to a draining node.
fn arriving(world: &World<'_>) -> Vec<Unrighted> {
    let moving = world.under_way.iter();
    let moving = moving.filter(|moving| world.is(moving.to, Availability::Draining));
    let arriving = moving.map(|one| (one.to, one.shard, Wrong::Draining, WhyShard::Arriving));
    arriving.collect()
}

/// The shards beside another of their group that are not named: the whole plan parts them.
fn crowded(world: &World<'_>, left: &[Unrighted]) -> Vec<(ShardAt, Wrong)> {
    if !world.groups.are_there() {
        return Vec::new();
    }
    let named: BTreeSet<ShardAt> = left.iter().map(|(_, shard, ..)| *shard).collect();
    let crowded = world.shards.places().filter(|shard| {
        let is_down = world.is(world.at(*shard), Availability::Down);
        world.is_crowded(*shard) && !is_down && !world.is_moved(*shard) && !named.contains(shard)
    });
    let wrong = Wrong::Refused(Refusal::Group);
    crowded.map(|shard| (shard, wrong)).collect()
}

/// A shard of each overfull node of which none is named.
fn overfull(world: &World<'_>, left: &[Unrighted]) -> Vec<(ShardAt, Wrong)> {
    let named = left.iter();
    let named = named.filter(|(_, _, wrong, _)| matches!(wrong, Wrong::Overfull(_)));
    let named: BTreeSet<NodeAt> = named.map(|(node, ..)| *node).collect();
    let nodes = world.nodes.places().filter(|node| !named.contains(node));
    let nodes = nodes.filter(|node| !world.is(*node, Availability::Down));
    let overfull = nodes.filter_map(|node| {
        let resource = world.overfull(node)?;
        Some((heaviest(world, node, resource)?, Wrong::Overfull(resource)))
    });
    overfull.collect()
}

/// The shard on a node that uses most of a resource, of those that have not moved.
fn heaviest(world: &World<'_>, node: NodeAt, resource: Resource) -> Option<ShardAt> {
    let here = world.shards.places();
    let here = here.filter(|shard| world.at(*shard) == node && !world.is_moved(*shard));
    here.max_by_key(|shard| world.weight(*shard, resource))
}

/// What is wrong with a shard that had to move and has not.
fn wrong_now(world: &World<'_>, shard: ShardAt, cause: Cause) -> Option<Wrong> {
    let wrong = match cause {
        _ if world.is_moved(shard) => None,
        Cause::Wrong(Wrong::Spread) | Cause::InTheWayOf(_) => None,
        Cause::Wrong(Wrong::Overfull(_)) => world.relieved_by(shard).map(Wrong::Overfull),
        Cause::Wrong(wrong) => is_wrong(world, shard, wrong).then_some(wrong),
    };
    let crowded = Wrong::Refused(Refusal::Group);
    let is_crowded = !world.is_moved(shard) && is_wrong(world, shard, crowded);
    wrong.or_else(|| is_crowded.then_some(crowded))
}

/// A shard of each group that is in too few zones: one that has not moved and could, if there is one.
fn narrow(world: &World<'_>) -> Vec<ShardAt> {
    let standing_for = |group: GroupAt| {
        let members = world.groups.of_group(group);
        let first = members.first().copied()?;
        let (zones, wanted) = world.spread(first);
        let could = |shard: &&ShardAt| {
            let is_down = world.is(world.at(**shard), Availability::Down);
            world.is_free(**shard) && !world.is_moved(**shard) && !is_down
        };
        let best = members.iter().find(could).copied();
        (zones < wanted).then_some(best.unwrap_or(first))
    };
    world.groups.all().filter_map(standing_for).collect()
}

fn why_shard(world: &World<'_>, shard: ShardAt, is_cut: bool) -> WhyShard {
    match world.stay[shard] {
        Stay::Pinned => WhyShard::Pinned,
        Stay::Quarantined => WhyShard::Quarantined,
        Stay::InFlight => WhyShard::Arriving,
        Stay::Free if world.is(world.at(shard), Availability::Down) => WhyShard::Unreachable,
        Stay::Free if is_cut => WhyShard::MoveLimit,
        Stay::Free if world.is_moved(shard) => WhyShard::Moved,
        Stay::Free => {
            let mut refusals = Refusals::default();
            if world.active.is_empty() {
                return WhyShard::NoActiveNode;
            }
            let active = world.active.iter();
            for refusal in active.filter_map(|to| world.refusal(shard, *to)) {
                refusals.add(refusal);
            }
            WhyShard::Refused(refusals)
        }
    }
}

/// Which active nodes stay outside their bands.
pub(super) fn nodes_left(world: &World<'_>, aim: &Aim, is_cut: bool) -> Vec<Left> {
    let outside: Vec<NodeAt> = aim.outside(world).collect();
    let mut why = Why {
        world,
        aim,
        looks: LOOKS,
        here: Vec::new(),
        is_impossible: None,
    };
    outside
        .into_iter()
        .map(|node| Left::Node {
            node: world.nodes[node].id,
            resource: aim.resource,
            load: world.load(node, aim.resource),
            band: aim.band(node),
            why: if is_cut {
                WhyNode::MoveLimit
            } else {
                why.of(node)
            },
        })
        .collect()
}

struct Why<'w, 'a> {
    world: &'w World<'a>,
    aim: &'w Aim,
    looks: usize,
    /// The shards by where they are, made when they are first asked for.
    here: Vec<(NodeAt, ShardAt)>,
    /// Whether it is proven that no placement would do, once that was asked.
    is_impossible: Option<bool>,
}

impl Why<'_, '_> {
    fn of(&mut self, node: NodeAt) -> WhyNode {
        let (world, aim) = (self.world, self.aim);
        if self.here.is_empty() {
            let places = world.shards.places().map(|shard| (world.at(shard), shard));
            self.here = places.collect();
            self.here.sort_unstable();
        }
        let gives = aim.excess(world, node) > 0;
        if gives {
            let held: u128 = self
                .on(node)
                .filter(|shard| !world.is_free(*shard))
                .map(|shard| u128::from(aim.weight(world, shard)))
                .sum();
            if held > aim.band(node).most {
                return WhyNode::Immovable { load: held };
            }
        }
        let mut refusals = Refusals::default();
        let mut movable = false;
        let mut looks = self.looks;
        let others = world.active.iter().copied().filter(|other| *other != node);
        'all: for other in others {
            let (from, to) = if gives { (node, other) } else { (other, node) };
            for shard in self.on(from).filter(|shard| world.is_free(*shard)) {
                if looks == 0 {
                    break 'all;
                }
                looks -= 1;
                movable |= aim.weight(world, shard) > 0;
                if aim.gain(world, shard, to).is_some()
                    && let Some(refusal) = world.refusal(shard, to)
                {
                    refusals.add(refusal);
                }
            }
        }
        self.looks = looks;
        if !refusals.is_empty() {
            WhyNode::Refused(refusals)
        } else if movable || looks == 0 {
            let known = self.is_impossible;
            let is_impossible = known.unwrap_or_else(|| placement::is_impossible(world, aim));
            self.is_impossible = Some(is_impossible);
            if is_impossible {
                WhyNode::Impossible
            } else {
                WhyNode::NoMoveHelps
            }
        } else {
            WhyNode::NothingMovable
        }
    }

    fn on(&self, node: NodeAt) -> impl Iterator<Item = ShardAt> + '_ {
        let start = self.here.partition_point(|(at, _)| *at < node);
        let end = self.here.partition_point(|(at, _)| *at <= node);
        let here = self.here.get(start..end).unwrap_or_default();
        here.iter().map(|(_, shard)| *shard)
    }
}
