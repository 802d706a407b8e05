use std::collections::{HashMap, HashSet};

use super::PlanViolation;
use super::aims::Aim;
use super::balance::{self, Parties};
use super::late::Late;
use super::reasons;
use super::refusal::refusal;
use super::slots::Slots;
use super::world::World;
use crate::planner::{Availability, Move, MoveReason, Plan, Resource};
use crate::schema::{NodeId, ShardId};

/// Replays every move, notes what is wrong with each, and answers which shards moved.
pub(super) fn replay(
    world: &mut World<'_>,
    aims: &[Aim],
    plan: &Plan,
    found: &mut Vec<PlanViolation>,
) -> HashMap<ShardId, usize> {
    let mut moved = HashMap::new();
    let mut slots = Slots::busy(world.input);
    let mut late = Late::new(plan);
    // What a node has been outside of its trigger band in.
    let triggered = aims
        .iter()
        .filter(|aim| aim.is_triggered(world) != Some(false));
    let mut open: HashSet<Resource> = triggered.map(|aim| aim.resource).collect();
    let mut wave = 0;
    for (at, step) in plan.moves.iter().enumerate() {
        if step.wave < wave {
            let before = wave;
            let wave = step.wave;
            found.push(PlanViolation::WaveOrder { at, wave, before });
        } else if step.wave > wave {
            world.end_wave();
            slots = Slots::default();
            late.wave_begins();
            wave = step.wave;
        }
        let Some(parties) = parties(world, at, step, found) else {
            continue;
        };
        if let Some(first) = moved.insert(step.shard, at) {
            let shard = step.shard;
            found.push(PlanViolation::MovedTwice { at, first, shard });
            continue;
        }
        allowed(world, at, step, parties, found);
        reasons::check(world, aims, at, step, parties, found);
        if let Some(resource) = step.reason.resource() {
            if !open.contains(&resource) {
                found.push(PlanViolation::NotTriggered { at, resource });
            }
            late.check(world, &slots, at, found);
            balance::check(world, aims, at, parties, resource, found);
        }
        found.extend(slots.full(at, step.from, step.to, world.policy));
        slots.take(step.from, step.to);
        world.carry_out(parties.0, step.from, step.to);
        let triggered = aims.iter().filter(|aim| {
            aim.is_triggered_by(world, step.from) || aim.is_triggered_by(world, step.to)
        });
        open.extend(triggered.map(|aim| aim.resource));
        late.made(at, step);
    }
    moved
}

fn parties<'a>(
    world: &World<'a>,
    at: usize,
    step: &Move,
    found: &mut Vec<PlanViolation>,
) -> Option<Parties<'a>> {
    let shard = world.shards.get(&step.shard).map(|shard| shard.input);
    if shard.is_none() {
        let shard = step.shard;
        found.push(PlanViolation::UnknownShard { at, shard });
    }
    let mut node = |id: NodeId| {
        let node = world.nodes.get(&id).map(|node| node.input);
        if node.is_none() {
            found.push(PlanViolation::UnknownNode { at, node: id });
        }
        node
    };
    Some((shard?, node(step.from)?, node(step.to)?))
}

/// Checks that the shard may leave, and that the receiver may have it.
fn allowed(
    world: &World<'_>,
    at: usize,
    step: &Move,
    (shard, from, to): Parties<'_>,
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
    if let Some(what) = world.shards.get(&shard.id).and_then(|shard| shard.stay) {
        let shard = shard.id;
        found.push(PlanViolation::Immovable { at, shard, what });
    }
    let leaves = match from.state {
        Availability::Active | Availability::Draining => true,
        Availability::NoAccept => match step.reason {
            MoveReason::Misplaced(_) | MoveReason::Overfull(_) | MoveReason::Spread => true,
            MoveReason::Drain
            | MoveReason::Room(_)
            | MoveReason::Above { .. }
            | MoveReason::Below { .. } => false,
        },
        Availability::Down => false,
    };
    for (node, fine) in [(from, leaves), (to, to.state == Availability::Active)] {
        if !fine {
            let (node, state) = (node.id, node.state);
            found.push(PlanViolation::WrongState { at, node, state });
        }
    }
    let receiver = world.nodes.get(&to.id);
    if let Some(refusal) = receiver.and_then(|to| refusal(world, shard, from.id, to)) {
        found.push(PlanViolation::Refused {
            at,
            shard: shard.id,
            to: to.id,
            refusal,
        });
    }
}
