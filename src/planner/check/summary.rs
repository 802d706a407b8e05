use std::collections::{BTreeMap, BTreeSet};

use super::PlanViolation;
use super::share::{edges, outside};
use super::world::World;
use crate::planner::{Availability, Left, PerResource, Plan, Policy};
use crate::schema::{NodeId, ShardId};

/// Checks what the plan says of itself against where the replay ended.
pub(super) fn check(
    world: &World<'_>,
    before: &BTreeMap<NodeId, PerResource<u128>>,
    policy: &Policy,
    plan: &Plan,
    moved: &BTreeMap<ShardId, usize>,
    found: &mut Vec<PlanViolation>,
) {
    let moves = plan.moves.len();
    if let Some(max) = policy.max_moves().filter(|max| moves > *max) {
        found.push(PlanViolation::TooManyMoves { moves, max });
    }
    let bound = plan.lower_bound_moves;
    if plan.left.is_empty() && bound > moves {
        found.push(PlanViolation::BoundTooHigh { moves, bound });
    }
    let bytes: u128 = plan.moves.iter().map(|step| u128::from(step.bytes)).sum();
    misstated("the total of bytes", &plan.total_bytes, &bytes, found);
    for (what, of_plan, here) in [
        ("the load before", loads(plan, false), before),
        ("the load after", loads(plan, true), &world.loads),
    ] {
        misstated(what, &of_plan, here, found);
    }
    let cut = policy.max_moves().is_some_and(|max| moves >= max);
    shards(world, plan, moved, cut, found);
    nodes(world, policy, plan, cut, found);
}

fn loads(plan: &Plan, after: bool) -> BTreeMap<NodeId, PerResource<u128>> {
    let of = |load: &crate::planner::NodeLoad| if after { load.after } else { load.before };
    plan.loads
        .iter()
        .map(|load| (load.node, of(load)))
        .collect()
}

fn misstated<T: PartialEq + std::fmt::Debug>(
    what: &str,
    stated: &T,
    here: &T,
    found: &mut Vec<PlanViolation>,
) {
    if stated != here {
        found.push(PlanViolation::Misstated {
            what: what.to_owned(),
            stated: format!("{stated:?}"),
            found: format!("{here:?}"),
        });
    }
}

/// Every shard that stays on a draining node is named, and has nowhere to go.
fn shards(
    world: &World<'_>,
    plan: &Plan,
    moved: &BTreeMap<ShardId, usize>,
    cut: bool,
    found: &mut Vec<PlanViolation>,
) {
    let named: BTreeSet<ShardId> = plan
        .left
        .iter()
        .filter_map(|left| match left {
            Left::Shard { shard, .. } => Some(*shard),
            Left::Node { .. } => None,
        })
        .collect();
    let draining = |node: &NodeId| {
        let node = world.nodes.get(node);
        node.is_some_and(|node| node.state == Availability::Draining)
    };
    let stay = world.shards.values().filter(|shard| draining(&shard.owner));
    for shard in stay.filter(|shard| !moved.contains_key(&shard.id)) {
        if world.in_flight.contains_key(&shard.id) {
            continue;
        }
        if !named.contains(&shard.id) {
            let (what, id) = ("shard", shard.id.0);
            found.push(PlanViolation::Unexplained { what, id });
        }
        if cut || world.immovable(shard).is_some() {
            continue;
        }
        if let Some(to) = world.active().find(|to| world.refusal(shard, to).is_none()) {
            let (shard, to) = (shard.id, to.id);
            found.push(PlanViolation::CouldLeave { shard, to });
        }
    }
}

/// Every node outside its trigger band is named.
fn nodes(
    world: &World<'_>,
    policy: &Policy,
    plan: &Plan,
    cut: bool,
    found: &mut Vec<PlanViolation>,
) {
    let named: BTreeSet<NodeId> = plan
        .left
        .iter()
        .filter_map(|left| match left {
            Left::Node { node, .. } => Some(*node),
            Left::Shard { .. } => None,
        })
        .collect();
    let resource = policy.balance();
    for (node, edge) in edges(world, resource, policy.trigger_ppm()) {
        let out = outside(world.load(node, resource), edge) > 0;
        if out && !cut && !named.contains(&node) {
            let (what, id) = ("node", node.0);
            found.push(PlanViolation::Unexplained { what, id });
        }
    }
}
