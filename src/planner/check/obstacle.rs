use std::fmt;

use super::{PlanViolation, check};
use crate::planner::{Input, Move, Plan, PlanError, Policy};

/// A move of a plan that cannot be made, or not where it stands, as the cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The place of the move in the plan.
    pub at: usize,
    /// The move.
    pub step: Move,
    /// What is in its way.
    pub violation: PlanViolation,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.violation.fmt(f)
    }
}

/// What is in the way of `plan` from one of its waves on, once those before it are done: every move that
/// cannot be made on `input`, the cluster as it is now. A move that cannot be made is taken as made by
/// those after it.
///
/// Whether the plan is what it should be besides, [`check`] says: of a cluster that has changed a little
/// since the plan was made the rest can still be safe.
///
/// # Errors
/// The input contradicts itself, or the policy names a resource that it does not have.
pub fn obstacles(
    input: &Input,
    policy: &Policy,
    plan: &Plan,
    wave: u32,
) -> Result<Vec<Obstacle>, PlanError> {
    // The checker is asked about nothing that the planner would refuse.
    input.verify(policy)?;
    let all = plan.moves.iter().enumerate();
    let rest: Vec<(usize, &Move)> = all.filter(|(_, one)| one.wave >= wave).collect();
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let shifted = |(_, one): &(usize, &Move)| Move {
        wave: one.wave.saturating_sub(wave),
        ..(*one).clone()
    };
    let remaining = Plan {
        moves: rest.iter().map(shifted).collect(),
        ..plan.clone()
    };
    let obstacle = |violation: PlanViolation| {
        let (at, step) = rest.get(violation.unsafe_move()?)?;
        Some(Obstacle {
            at: *at,
            step: (*step).clone(),
            violation: violation.with_places(|at| rest.get(at).map_or(at, |(place, _)| *place)),
        })
    };
    let found = check(input, policy, &remaining);
    Ok(found.into_iter().filter_map(obstacle).collect())
}
