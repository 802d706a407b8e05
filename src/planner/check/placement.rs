use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::aims::Aim;
use super::refusal::ban;
use super::world::{Shard, World};
use crate::planner::Availability;
use crate::schema::NodeId;

/// How many ways to load the nodes are followed.
const WAYS: usize = 20_000;

/// Whether a placement puts every active node into its band: all ways to load them are followed, shard
/// by shard. `None`: there are too many.
pub(super) fn is_possible(world: &World<'_>, aim: &Aim) -> Option<bool> {
    let nodes: Vec<NodeId> = world.active().map(|(id, _)| id).collect();
    let most: Vec<u128> = nodes.iter().map(|node| aim.band(*node).most).collect();
    let least: Vec<u128> = nodes.iter().map(|node| aim.band(*node).least).collect();
    let weight = |shard: &Shard<'_>| u128::from(shard.input.weights.get(aim.resource));
    let mut shards: Vec<&Shard<'_>> = world
        .shards
        .values()
        .filter(|one| weight(one) > 0)
        .collect();
    shards.sort_by_key(|shard| (Reverse(weight(shard)), shard.input.id));
    let weights = shards.iter().map(|shard| weight(shard));
    let mut rest = weights.fold(0, u128::saturating_add);
    let mut ways = BTreeSet::from([vec![0_u128; nodes.len()]]);
    for shard in shards {
        let weight = weight(shard);
        rest = rest.saturating_sub(weight);
        let places = places(world, shard, &nodes);
        let mut next = BTreeSet::new();
        for way in &ways {
            for place in &places {
                let mut way = way.clone();
                if let Some(load) = place.and_then(|place| way.get_mut(place)) {
                    *load = load.saturating_add(weight);
                }
                let above = way.iter().zip(&most).any(|(load, most)| load > most);
                let lacks = way.iter().zip(&least);
                let lacks = lacks.map(|(load, least)| least.saturating_sub(*load));
                if !above && lacks.fold(0, u128::saturating_add) <= rest {
                    next.insert(way);
                }
            }
            if next.len() > WAYS {
                return None;
            }
        }
        ways = next;
    }
    Some(!ways.is_empty())
}

/// Where among the active nodes a shard may be; `None` is elsewhere.
fn places(world: &World<'_>, shard: &Shard<'_>, nodes: &[NodeId]) -> Vec<Option<usize>> {
    let owner = world.nodes.get(&shard.input.owner);
    let state = owner.map(|node| node.input.state);
    let place = |node: &NodeId| nodes.iter().position(|one| one == node);
    if shard.stay.is_some() || state == Some(Availability::Down) {
        return vec![place(&shard.at)];
    }
    let refuses = |node: &NodeId| {
        let traces = world.traces.get(&shard.input.id);
        let is_traced = traces.is_some_and(|all| all.iter().any(|(id, _)| id == node));
        is_traced || ban(shard.input, *node).is_some()
    };
    let takes = |node: &&NodeId| **node == shard.input.owner || !refuses(node);
    let mut places: Vec<Option<usize>> = nodes.iter().filter(takes).map(place).collect();
    if state != Some(Availability::Active) {
        places.push(None);
    }
    places
}
