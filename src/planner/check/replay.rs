use std::collections::BTreeMap;

use super::PlanViolation;
use super::share::{edges, outside};
use super::world::World;
use crate::planner::{
    Availability, Move, MoveReason, NodeInput, Plan, Policy, Resource, ShardInput,
};
use crate::schema::{NodeId, ShardId};

/// Replays every move, notes what is wrong with each, and answers which shards moved.
pub(super) fn replay(
    world: &mut World<'_>,
    policy: &Policy,
    plan: &Plan,
    found: &mut Vec<PlanViolation>,
) -> BTreeMap<ShardId, usize> {
    let mut moved = BTreeMap::new();
    let mut slots = Slots::new(world);
    let mut wave = 0;
    let mut target = None;
    for (at, step) in plan.moves.iter().enumerate() {
        if step.wave < wave {
            let before = wave;
            let wave = step.wave;
            found.push(PlanViolation::WaveOrder { at, wave, before });
        } else if step.wave > wave {
            world.end_wave();
            slots = Slots::default();
            wave = step.wave;
        }
        let Some((shard, from, to)) = parties(world, at, step, found) else {
            continue;
        };
        if let Some(first) = moved.insert(step.shard, at) {
            let shard = step.shard;
            found.push(PlanViolation::MovedTwice { at, first, shard });
            continue;
        }
        allowed(world, at, shard, from, to, found);
        slots.take(at, step, policy, found);
        stated(at, step, shard, from, found);
        if from.state == Availability::Draining {
            target = None;
        } else {
            if target.is_none() {
                drained_first(world, at, plan, found);
                triggered(world, at, policy, found);
            }
            let edges =
                target.get_or_insert_with(|| edges(world, policy.balance(), policy.target_ppm()));
            gains(world, at, (shard, from, to), policy.balance(), edges, found);
        }
        world.carry_out(shard, step.from, step.to);
    }
    moved
}

type Parties<'a> = (&'a ShardInput, &'a NodeInput, &'a NodeInput);

fn parties<'a>(
    world: &World<'a>,
    at: usize,
    step: &Move,
    found: &mut Vec<PlanViolation>,
) -> Option<Parties<'a>> {
    let shard = world.shards.get(&step.shard).copied();
    if shard.is_none() {
        let shard = step.shard;
        found.push(PlanViolation::UnknownShard { at, shard });
    }
    let mut node = |id: NodeId| {
        let node = world.nodes.get(&id).copied();
        if node.is_none() {
            found.push(PlanViolation::UnknownNode { at, node: id });
        }
        node
    };
    Some((shard?, node(step.from)?, node(step.to)?))
}

fn allowed(
    world: &World<'_>,
    at: usize,
    shard: &ShardInput,
    from: &NodeInput,
    to: &NodeInput,
    found: &mut Vec<PlanViolation>,
) {
    if shard.owner != from.id {
        found.push(PlanViolation::NotAtSource {
            at,
            shard: shard.id,
            from: from.id,
            owner: shard.owner,
        });
    }
    if let Some(what) = world.immovable(shard) {
        let shard = shard.id;
        found.push(PlanViolation::Immovable { at, shard, what });
    }
    let leaves = matches!(from.state, Availability::Active | Availability::Draining);
    for (node, fine) in [(from, leaves), (to, to.state == Availability::Active)] {
        if !fine {
            let (node, state) = (node.id, node.state);
            found.push(PlanViolation::WrongState { at, node, state });
        }
    }
    if let Some(refusal) = world.refusal(shard, to) {
        found.push(PlanViolation::Refused {
            at,
            shard: shard.id,
            to: to.id,
            refusal,
        });
    }
}

fn stated(
    at: usize,
    step: &Move,
    shard: &ShardInput,
    from: &NodeInput,
    found: &mut Vec<PlanViolation>,
) {
    let bytes = *shard.weights.get(Resource::Bytes);
    if step.bytes != bytes {
        found.push(PlanViolation::Misstated {
            what: format!("the size of shard {} (move {at})", shard.id),
            stated: step.bytes.to_string(),
            found: bytes.to_string(),
        });
    }
    let drains = matches!(step.reason, MoveReason::Drain);
    if drains != (from.state == Availability::Draining) {
        found.push(PlanViolation::Misstated {
            what: format!("the reason of move {at}"),
            stated: step.reason.to_string(),
            found: format!("node {} is {}", from.id, from.state),
        });
    }
}

/// Nothing that drains later could have drained before this move.
fn drained_first(world: &mut World<'_>, at: usize, plan: &Plan, found: &mut Vec<PlanViolation>) {
    for (drain, step) in plan.moves.iter().enumerate().skip(at) {
        let from = world.nodes.get(&step.from).copied();
        let shard = world.shards.get(&step.shard).copied();
        let to = world.nodes.get(&step.to).copied();
        let (Some(from), Some(shard), Some(to)) = (from, shard, to) else {
            continue;
        };
        if from.state == Availability::Draining && world.refusal_after_wave(shard, to).is_none() {
            found.push(PlanViolation::DrainLate { at, drain });
        }
    }
}

fn triggered(world: &World<'_>, at: usize, policy: &Policy, found: &mut Vec<PlanViolation>) {
    let resource = policy.balance();
    let edges = edges(world, resource, policy.trigger_ppm());
    let mut nodes = edges.iter();
    if !nodes.any(|(node, edge)| outside(world.load(*node, resource), *edge) > 0) {
        found.push(PlanViolation::NotTriggered { at });
    }
}

fn gains(
    world: &World<'_>,
    at: usize,
    (shard, from, to): Parties<'_>,
    resource: Resource,
    edges: &BTreeMap<NodeId, (u128, u128)>,
    found: &mut Vec<PlanViolation>,
) {
    let weight = u128::from(*shard.weights.get(resource));
    let (donor, receiver) = (world.load(from.id, resource), world.load(to.id, resource));
    let filled = receiver + weight;
    let level = |load: u128, other: &NodeInput| load.saturating_mul(u128::from(other.weight));
    if level(filled, from) > level(donor, to) {
        found.push(PlanViolation::AboveDonor {
            at,
            from: from.id,
            before: donor,
            to: to.id,
            after: filled,
        });
    }
    let edge = |node: &NodeInput| edges.get(&node.id).copied().unwrap_or_default();
    let sum = |donor, receiver| outside(donor, edge(from)) + outside(receiver, edge(to));
    let (before, after) = (
        sum(donor, receiver),
        sum(donor.saturating_sub(weight), filled),
    );
    if after >= before {
        found.push(PlanViolation::NoGain {
            at,
            from: from.id,
            to: to.id,
            before,
            after,
        });
    }
}

/// How many moves of the wave go into and out of each node.
#[derive(Default)]
struct Slots {
    into: BTreeMap<NodeId, usize>,
    out_of: BTreeMap<NodeId, usize>,
}

impl Slots {
    /// Those of what is in flight before the plan begins.
    fn new(world: &World<'_>) -> Self {
        let mut slots = Self::default();
        for moving in world.in_flight.values() {
            *slots.into.entry(moving.to).or_default() += 1;
            *slots.out_of.entry(moving.from).or_default() += 1;
        }
        slots
    }

    fn take(&mut self, at: usize, step: &Move, policy: &Policy, found: &mut Vec<PlanViolation>) {
        let sides = [
            (&mut self.into, step.to, policy.max_in_per_node()),
            (&mut self.out_of, step.from, policy.max_out_per_node()),
        ];
        for (counts, node, limit) in sides {
            let moves = counts.entry(node).or_default();
            *moves += 1;
            if let Some(limit) = limit
                && *moves > limit
            {
                let moves = *moves;
                found.push(PlanViolation::WaveLimit {
                    at,
                    node,
                    moves,
                    limit,
                });
            }
        }
    }
}
