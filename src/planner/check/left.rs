use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::PlanViolation;
use super::aims::Aim;
use super::placement::is_possible;
use super::reasons::{not_crammed, not_misplaced, not_overfull};
use super::refusal::{ban, is_overfull, refusal};
use super::world::{Shard, World};
use crate::planner::{Availability, Left, Plan, Refusal, Refusals, WhyNode, WhyShard, Wrong};
use crate::schema::{GroupId, NodeId, ShardId};

/// Checks what the plan says that it leaves against where the replay ended.
pub(super) fn check(
    world: &World<'_>,
    aims: &[Aim],
    plan: &Plan,
    moved: &HashMap<ShardId, usize>,
    found: &mut Vec<PlanViolation>,
) {
    let cut = world.may_be_cut(plan);
    let mut shards = HashSet::new();
    let mut wrongs = BTreeSet::new();
    let mut nodes = BTreeSet::new();
    for left in &plan.left {
        let wrong = match left {
            Left::Shard {
                shard,
                node,
                wrong,
                why,
            } => {
                shards.insert(*shard);
                wrongs.insert((*shard, *wrong));
                let is_moved = moved.contains_key(shard);
                shard_is_so(world, (*shard, *node), (*wrong, why), is_moved, cut, found)
            }
            Left::Node {
                node,
                resource,
                load,
                band,
                why,
            } => {
                nodes.insert((*node, *resource));
                let aim = aims.iter().find(|aim| aim.resource == *resource);
                let aim = aim.filter(|aim| {
                    aim.bands.get(node) == Some(band)
                        && world.load(*node, *resource) == *load
                        && !band.contains(*load)
                });
                match aim {
                    Some(aim) => node_why(world, aim, *node, why, cut),
                    None => Some("its load or its band is another, or it is inside".to_owned()),
                }
            }
        };
        if let Some(wrong) = wrong {
            let said = left.to_string();
            found.push(PlanViolation::NotSo { said, found: wrong });
        }
    }
    let entries = plan.left.len();
    misstated_count(entries, wrongs.len().saturating_add(nodes.len()), found);
    unexplained_shards(world, &shards, found);
    let balanced = |aim: &Aim| {
        let mut moves = plan.moves.iter();
        moves.any(|step| step.reason.resource() == Some(aim.resource))
    };
    let acting = |aim: &&Aim| balanced(aim) || aim.is_triggered(world) == Some(true);
    for aim in aims.iter().filter(acting) {
        for (node, band) in &aim.bands {
            let load = world.load(*node, aim.resource);
            if !band.contains(load) && !nodes.contains(&(*node, aim.resource)) {
                let what = format!("node {node} with {load} {} of {band}", aim.resource);
                found.push(PlanViolation::Unexplained { what });
            }
        }
    }
}

fn misstated_count(entries: usize, things: usize, found: &mut Vec<PlanViolation>) {
    if entries != things {
        found.push(PlanViolation::Misstated {
            what: "the number of things left".to_owned(),
            stated: entries.to_string(),
            found: things.to_string(),
        });
    }
}

/// What of this is not so: a shard is on this node, wrong there, and stays for this reason.
fn shard_is_so(
    world: &World<'_>,
    (id, node): (ShardId, NodeId),
    (wrong, why): (Wrong, &WhyShard),
    is_moved: bool,
    cut: bool,
    found: &mut Vec<PlanViolation>,
) -> Option<String> {
    let Some(shard) = world.shards.get(&id) else {
        return Some("there is no such shard".to_owned());
    };
    // Any shard of a group may stand for it.
    if shard.at != node || (is_moved && wrong != Wrong::Spread) {
        return Some(format!("it is on node {} or moves", shard.at));
    }
    let state = world.nodes.get(&node).map(|node| node.input.state);
    let not_wrong = match wrong {
        Wrong::Draining => {
            (state != Some(Availability::Draining)).then(|| format!("node {node} is not draining"))
        }
        Wrong::Refused(refusal) => not_misplaced(world, shard.input, node, refusal),
        Wrong::Overfull(resource) => not_overfull(world, node, resource),
        Wrong::Spread => not_crammed(world, shard.input),
    };
    not_wrong.or_else(|| {
        if *why == WhyShard::Moved {
            (!is_moved).then(|| "it does not move".to_owned())
        } else {
            shard_why(world, shard, (wrong, why), cut, found)
        }
    })
}

fn shard_why(
    world: &World<'_>,
    shard: &Shard<'_>,
    (wrong, why): (Wrong, &WhyShard),
    cut: bool,
    found: &mut Vec<PlanViolation>,
) -> Option<String> {
    let stay = |what| (shard.stay != Some(what)).then(|| format!("it is {:?}", shard.stay));
    let has_active = world.active().next().is_some();
    match why {
        WhyShard::Pinned => stay("pinned"),
        WhyShard::Quarantined => stay("quarantined"),
        WhyShard::Arriving => stay("in flight"),
        _ if shard.stay.is_some() => Some(format!("it is {:?}", shard.stay)),
        WhyShard::Unreachable => {
            let node = world.nodes.get(&shard.at);
            let state = node.map(|node| node.input.state);
            (state != Some(Availability::Down)).then(|| format!("its node is {state:?}"))
        }
        WhyShard::Moved => None,
        WhyShard::NoActiveNode => has_active.then(|| "a node is active".to_owned()),
        WhyShard::MoveLimit => (!cut).then(|| "the plan is not at a limit".to_owned()),
        WhyShard::Refused(stated) => refused(world, shard, wrong, stated, found),
    }
}

/// Every active node refuses the shard as stated; its own node may be counted or not.
fn refused(
    world: &World<'_>,
    shard: &Shard<'_>,
    wrong: Wrong,
    stated: &Refusals,
    found: &mut Vec<PlanViolation>,
) -> Option<String> {
    let mut refusals: BTreeMap<Refusal, usize> = BTreeMap::new();
    let mut own = None;
    for (id, node) in world.active() {
        match refusal(world, shard.input, shard.at, node) {
            refusal if id == shard.at => own = refusal,
            Some(refusal) => {
                let count = refusals.entry(refusal).or_default();
                *count = count.saturating_add(1);
            }
            // A node that takes it and brings its group into no more zones puts nothing right.
            None if wrong == Wrong::Spread
                && !world.groups.spreads_more(shard.input, shard.at, id) => {}
            None => {
                let (shard, to) = (shard.input.id, id);
                found.push(PlanViolation::CouldLeave { shard, to });
                return None;
            }
        }
    }
    let stated: BTreeMap<Refusal, usize> = stated.iter().collect();
    let mut with_own = refusals.clone();
    if let Some(own) = own {
        let count = with_own.entry(own).or_default();
        *count = count.saturating_add(1);
    }
    (stated != refusals && stated != with_own).then(|| format!("it is refused by {refusals:?}"))
}

/// What of the reason for which a node stays outside its band is not so.
fn node_why(
    world: &World<'_>,
    aim: &Aim,
    node: NodeId,
    why: &WhyNode,
    cut: bool,
) -> Option<String> {
    match why {
        WhyNode::MoveLimit => (!cut).then(|| "the plan is not at a limit".to_owned()),
        WhyNode::Immovable { load } => {
            let here = world.shards.values().filter(|shard| shard.at == node);
            let stuck: u128 = here
                .filter(|shard| shard.stay.is_some())
                .map(|shard| u128::from(shard.input.weights.get(aim.resource)))
                .fold(0, u128::saturating_add);
            let most = aim.band(node).most;
            (stuck != *load || stuck <= most).then(|| format!("{stuck} of it cannot leave"))
        }
        WhyNode::Impossible => {
            let is_possible = is_possible(world, aim) == Some(true);
            is_possible.then(|| "there is such a placement".to_owned())
        }
        WhyNode::NothingMovable | WhyNode::NoMoveHelps | WhyNode::Refused(_) => None,
    }
}

/// Everything that stays where it should not be is named.
fn unexplained_shards(world: &World<'_>, named: &HashSet<ShardId>, found: &mut Vec<PlanViolation>) {
    let state = |node: NodeId| world.nodes.get(&node).map(|node| node.input.state);
    let is_down = |node: NodeId| state(node) == Some(Availability::Down);
    // Of the shards that nobody names, how many are in each group on each node, and on each node.
    let mut silent: HashMap<(GroupId, NodeId), usize> = HashMap::new();
    let mut named_on: HashSet<NodeId> = HashSet::new();
    let mut movable_on: HashSet<NodeId> = HashSet::new();
    let mut named_groups: HashSet<GroupId> = HashSet::new();
    for input in &world.input.shards {
        let Some(shard) = world.shards.get(&input.id) else {
            continue;
        };
        let (id, at) = (input.id, shard.at);
        if named.contains(&id) {
            named_on.insert(at);
            named_groups.extend(input.group);
            continue;
        }
        if shard.stay != Some("in flight") {
            movable_on.insert(at);
            if let Some(group) = input.group {
                let count = silent.entry((group, at)).or_default();
                *count = count.saturating_add(1);
            }
            if !is_down(at) && ban(input, at).is_some() {
                let what = format!("shard {id} on node {at}, which may not have it");
                found.push(PlanViolation::Unexplained { what });
            }
        }
        if state(at) == Some(Availability::Draining) {
            let what = format!("shard {id} on draining node {at}");
            found.push(PlanViolation::Unexplained { what });
        }
    }
    for (group, node, _) in world.groups.crowded() {
        let alone = silent.get(&(group, node)).copied().unwrap_or(0) < 2;
        if !is_down(node) && !alone {
            let what = format!("node {node} with several shards of group {group}");
            found.push(PlanViolation::Unexplained { what });
        }
    }
    for (id, node) in &world.nodes {
        let mut resources = world.input.resources.iter();
        let full = resources.any(|resource| is_overfull(node, resource));
        if full && !is_down(*id) && movable_on.contains(id) && !named_on.contains(id) {
            let what = format!("node {id} with more than room");
            found.push(PlanViolation::Unexplained { what });
        }
    }
    let min_zones = world.policy.min_zones_per_group();
    let groups: BTreeSet<GroupId> = world.groups.all().collect();
    for group in groups {
        let (zones, wanted) = world.groups.spread(group, min_zones);
        if zones < wanted && !named_groups.contains(&group) {
            let what = format!("group {group} in {zones} zones of {wanted}");
            found.push(PlanViolation::Unexplained { what });
        }
    }
}
