use std::collections::BTreeMap;

use super::world::World;
use crate::planner::Resource;
use crate::schema::NodeId;

/// The least and the most of each active node, from what the active nodes hold now.
pub(super) fn edges(
    world: &World<'_>,
    resource: Resource,
    ppm: u64,
) -> BTreeMap<NodeId, (u128, u128)> {
    let mut open: Vec<_> = world.active().collect();
    let mut total: u128 = open.iter().map(|node| world.load(node.id, resource)).sum();
    let mut edges = BTreeMap::new();
    // Whoever cannot take a share gets what it has room for, until all others can.
    loop {
        let weights: u128 = open.iter().map(|node| u128::from(node.weight)).sum();
        let small = open.iter().position(|node| {
            node.capacity.get(resource).is_some_and(|most| {
                u128::from(most).saturating_mul(weights)
                    < total.saturating_mul(u128::from(node.weight))
            })
        });
        let Some(small) = small else {
            for node in &open {
                let mut edge = around(total, u128::from(node.weight), weights, ppm);
                if let Some(most) = *node.capacity.get(resource) {
                    edge.1 = edge.1.min(u128::from(most));
                }
                edges.insert(node.id, edge);
            }
            return edges;
        };
        let node = open.remove(small);
        let room = node.capacity.get(resource).map_or(0, u128::from);
        edges.insert(node.id, (around(room, 1, 1, ppm).0, room));
        total = total.saturating_sub(room);
    }
}

/// `total * weight / weights`, less and more `ppm` of it, rounded outward.
fn around(total: u128, weight: u128, weights: u128, ppm: u64) -> (u128, u128) {
    let ppm = u128::from(ppm);
    let whole = weights * 1_000_000;
    let (each, rest) = (total / whole, total % whole);
    let of = |part: u128| each * part + rest * part / whole;
    let up = |part: u128| each * part + (rest * part).div_ceil(whole);
    (
        of(weight * (1_000_000 - ppm)),
        up(weight * (1_000_000 + ppm)),
    )
}

/// How far `load` is outside `edge`.
pub(super) fn outside(load: u128, edge: (u128, u128)) -> u128 {
    load.abs_diff(load.clamp(edge.0, edge.1.max(edge.0)))
}
