use super::{PlanViolation, check};
use crate::planner::{InFlightMove, Input, Plan, Policy, plan};

/// I13: a plan is deterministic, safe in every prefix, and leaves nothing to do: with its moves in
/// flight, planning again gives nothing (unless the limit of moves cut it short).
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
    let cut = policy
        .max_moves()
        .is_some_and(|max| made.moves.len() >= max);
    if !cut {
        let mut under_way = input.clone();
        let moves = made.moves.iter().map(|step| InFlightMove {
            shard: step.shard,
            from: step.from,
            to: step.to,
        });
        under_way.in_flight.extend(moves);
        let moves = plan(&under_way, policy).map_or(usize::MAX, |plan| plan.moves.len());
        if moves > 0 {
            found.push(PlanViolation::NotFinished { moves });
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}
