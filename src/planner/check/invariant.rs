use std::collections::HashMap;

use super::{PlanViolation, check};
use crate::planner::{InFlightMove, Input, Move, Plan, Policy, plan};
use crate::schema::{NodeId, ShardId};

/// I13: a plan is deterministic, safe in every prefix, and leaves nothing to do: with its moves in
/// flight, and with them done, planning again gives nothing, unless a limit cut it short. With them done
/// there may be more only if a shard that the plan has moved goes on; with those shards held where they
/// are there is nothing.
///
/// # Errors
///
/// Every rule that `made`, a plan for `input`, breaks.
pub fn invariant_i13_plan_is_safe(
    input: &Input,
    policy: &Policy,
    made: &Plan,
) -> Result<(), Vec<PlanViolation>> {
    let mut found = check(input, policy, made);
    if plan(input, policy).as_ref() != Ok(made) {
        found.push(PlanViolation::NotRepeatable);
    }
    if !is_cut(input, policy, made, &mut found) {
        for (when, next) in [
            ("in flight", under_way(input, made)),
            ("done and held", held(input, made)),
            ("done", done(input, made)),
        ] {
            match plan(&next, policy) {
                Ok(more) => {
                    let begins_with_those_moved =
                        when == "done" && more.moves.iter().any(|step| goes_on(made, step));
                    if let Some(first) = more.moves.first().filter(|_| !begins_with_those_moved) {
                        let (moves, shard) = (more.moves.len(), first.shard);
                        found.push(PlanViolation::NotFinished { when, moves, shard });
                    }
                }
                Err(source) => found.push(PlanViolation::NoPlan { when, source }),
            }
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// Whether a move of the next plan takes a shard further that this plan has moved. A plan moves a shard
/// once: one that had to leave before others could move may then go on, and others after it.
fn goes_on(made: &Plan, step: &Move) -> bool {
    let mut moves = made.moves.iter();
    moves.any(|one| step.shard == one.shard)
}

/// Whether the limits on the whole plan cut it: without them it goes on, from the same beginning.
fn is_cut(input: &Input, policy: &Policy, made: &Plan, found: &mut Vec<PlanViolation>) -> bool {
    if policy.max_moves().is_none() && policy.max_bytes().is_none() {
        return false;
    }
    let unlimited = policy.clone().with_max_moves(None).with_max_bytes(None);
    let Ok(whole) = plan(input, &unlimited) else {
        return true;
    };
    let bands = |plan: &Plan| -> Vec<_> {
        let loads = plan.loads.iter();
        loads.map(|load| (load.node, load.bands.clone())).collect()
    };
    if bands(&whole) != bands(made) {
        found.push(PlanViolation::OtherAim);
    }
    if policy.max_bytes().is_none() {
        let mut pairs = whole.moves.iter().zip(&made.moves);
        if let Some(at) = pairs.position(|(whole, made)| whole != made) {
            found.push(PlanViolation::NoBeginning { at });
        }
    }
    whole.moves != made.moves
}

/// The cluster with the moves of the plan in flight.
fn under_way(input: &Input, made: &Plan) -> Input {
    let mut next = input.clone();
    let moves = made.moves.iter().map(|step| InFlightMove {
        shard: step.shard,
        from: step.from,
        to: step.to,
    });
    next.in_flight.extend(moves);
    next
}

/// The cluster with the moves of the plan done, and the shards that it has moved held where they are, as
/// if they were on their way there from there.
fn held(input: &Input, made: &Plan) -> Input {
    let mut next = done(input, made);
    let moves = made.moves.iter().map(|step| InFlightMove {
        shard: step.shard,
        from: step.to,
        to: step.to,
    });
    next.in_flight.extend(moves);
    next
}

/// The cluster with the moves of the plan done; what was in flight before is so still.
fn done(input: &Input, made: &Plan) -> Input {
    let moves = made.moves.iter().map(|step| (step.shard, step.to));
    let moves: HashMap<ShardId, NodeId> = moves.collect();
    let mut next = input.clone();
    for shard in &mut next.shards {
        if let Some(to) = moves.get(&shard.id) {
            shard.owner = *to;
        }
    }
    next
}
