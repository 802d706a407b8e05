use super::PlanViolation;
use super::aims::Aim;
use super::balance::Parties;
use super::refusal::{ban, is_overfull, lacks};
use super::world::World;
use crate::planner::{Availability, Move, MoveReason, Refusal, Resource, ShardInput};
use crate::schema::{NodeId, ShardId};

/// Checks that the reason of a move is so when it is made, and the size that it states.
pub(super) fn check(
    world: &World<'_>,
    aims: &[Aim],
    at: usize,
    step: &Move,
    (shard, from, to): Parties<'_>,
    found: &mut Vec<PlanViolation>,
) {
    let bytes = world.bytes(shard);
    if step.bytes != bytes {
        found.push(PlanViolation::Misstated {
            what: format!("the size of shard {} (move {at})", shard.id),
            stated: step.bytes.to_string(),
            found: bytes.to_string(),
        });
    }
    let is_draining = from.state == Availability::Draining;
    let wrong = match step.reason {
        MoveReason::Drain => (!is_draining).then(|| format!("node {} is {}", from.id, from.state)),
        _ if is_draining => Some(format!("node {} is {}", from.id, from.state)),
        MoveReason::Misplaced(refusal) => not_misplaced(world, shard, from.id, refusal),
        MoveReason::Overfull(resource) => not_overfull(world, from.id, resource),
        MoveReason::Spread => not_crammed(world, shard).or_else(|| {
            let more = world.groups.spreads_more(shard, from.id, to.id);
            (!more).then(|| format!("node {} brings it into no more zones", to.id))
        }),
        MoveReason::Room(coming) => no_need_of_room(world, from.id, coming),
        MoveReason::Above {
            resource,
            load,
            band,
        } => {
            let here = world.load(from.id, resource);
            let so = (load, Some(band)) == (here, stated(aims, resource, from.id));
            (!so || load <= band.most).then(|| format!("node {} has {here}", from.id))
        }
        MoveReason::Below {
            resource,
            load,
            band,
        } => {
            let here = world.load(to.id, resource);
            let so = (load, Some(band)) == (here, stated(aims, resource, to.id));
            (!so || load >= band.least).then(|| format!("node {} has {here}", to.id))
        }
    };
    if let Some(wrong) = wrong {
        found.push(PlanViolation::Misstated {
            what: format!("the reason of move {at}"),
            stated: step.reason.to_string(),
            found: wrong,
        });
    }
}

/// Why it is not so that shard `coming` needs room on `node`: it may not stay where it is, and does
/// not fit there now.
fn no_need_of_room(world: &World<'_>, node: NodeId, coming: ShardId) -> Option<String> {
    let (Some(shard), Some(to)) = (world.shards.get(&coming), world.nodes.get(&node)) else {
        return Some(format!("there is no shard {coming}"));
    };
    let at = world.nodes.get(&shard.at);
    let is_draining = at.is_some_and(|node| node.input.state == Availability::Draining);
    let mut resources = world.input.resources.iter();
    let must_leave = is_draining
        || ban(shard.input, shard.at).is_some()
        || world.groups.members(shard.input, shard.at) > 1
        || not_crammed(world, shard.input).is_none()
        || at.is_some_and(|node| resources.any(|one| is_overfull(node, one)));
    if !must_leave {
        return Some(format!("shard {coming} may stay where it is"));
    }
    let has_room = lacks(world, shard.input, to).is_none();
    has_room.then(|| format!("node {node} has room for shard {coming}"))
}

fn stated(aims: &[Aim], resource: Resource, node: NodeId) -> Option<crate::planner::Band> {
    let aim = aims.iter().find(|aim| aim.resource == resource)?;
    aim.bands.get(&node).copied()
}

/// Why it is not so that `node` may not have `shard`.
pub(super) fn not_misplaced(
    world: &World<'_>,
    shard: &ShardInput,
    node: NodeId,
    refusal: Refusal,
) -> Option<String> {
    if refusal == Refusal::Group {
        let others = world.groups.members(shard, node);
        return (others < 2).then(|| format!("node {node} has no other shard of the group"));
    }
    let found = ban(shard, node);
    (found != Some(refusal)).then(|| match found {
        Some(other) => format!("for node {node} it is: {other}"),
        None => format!("node {node} may have it"),
    })
}

/// Why it is not so that `node` has more than room.
pub(super) fn not_overfull(world: &World<'_>, node: NodeId, resource: Resource) -> Option<String> {
    let overfull = world.nodes.get(&node);
    let overfull = overfull.is_some_and(|node| is_overfull(node, resource));
    (!overfull).then(|| format!("node {node} has room for its {resource}"))
}

/// Why it is not so that the group of `shard` is in too few zones.
pub(super) fn not_crammed(world: &World<'_>, shard: &ShardInput) -> Option<String> {
    let Some(group) = shard.group else {
        return Some("it has no group".to_owned());
    };
    let (zones, wanted) = world
        .groups
        .spread(group, world.policy.min_zones_per_group());
    (zones >= wanted).then(|| format!("its group is in {zones} zones of {wanted}"))
}
