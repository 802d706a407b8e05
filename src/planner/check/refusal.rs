use super::world::{Node, World};
use crate::planner::{Refusal, Resource, ShardInput};
use crate::schema::NodeId;

/// Why `node` may not have `shard`, whatever else is there.
pub(super) fn ban(shard: &ShardInput, node: NodeId) -> Option<Refusal> {
    if !shard.allowed.is_empty() && !shard.allowed.contains(&node) {
        Some(Refusal::NotAllowed)
    } else if shard.disallowed.contains(&node) {
        Some(Refusal::Disallowed)
    } else if shard.replicas.contains(&node) {
        Some(Refusal::Replica)
    } else {
        None
    }
}

/// Why `to` must not take `shard` from `from` now.
pub(super) fn refusal(
    world: &World<'_>,
    shard: &ShardInput,
    from: NodeId,
    to: &Node<'_>,
) -> Option<Refusal> {
    let id = to.input.id;
    let trace = || {
        let traces = world.traces.get(&shard.id)?.iter();
        let here = traces.filter(|(node, _)| *node == id);
        here.map(|(_, refusal)| *refusal).min()
    };
    let min_zones = world.policy.min_zones_per_group();
    ban(shard, id).or_else(trace).or_else(|| {
        if world.groups.has_copy(shard, id) {
            Some(Refusal::Group)
        } else if world.groups.spreads_less(shard, from, id, min_zones) {
            Some(Refusal::Zone)
        } else {
            lacks(world, shard, to).map(Refusal::Full)
        }
    })
}

/// The first resource of which `to` has too little room for `shard`.
pub(super) fn lacks(world: &World<'_>, shard: &ShardInput, to: &Node<'_>) -> Option<Resource> {
    world.input.resources.iter().find(|&resource| {
        let weight = u128::from(shard.weights.get(resource));
        let after = to.charged(resource).saturating_add(weight);
        let capacity = to.input.capacity.get(resource);
        weight > 0 && capacity.is_some_and(|capacity| after > u128::from(capacity))
    })
}

/// Whether a node holds more of `resource` than it has room for. What leaves it is on its way, and
/// old copies go by themselves: no further move puts them right.
pub(super) fn is_overfull(node: &Node<'_>, resource: Resource) -> bool {
    let capacity = node.input.capacity.get(resource);
    capacity.is_some_and(|capacity| node.counted(resource) > u128::from(capacity))
}
