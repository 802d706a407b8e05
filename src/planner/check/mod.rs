//! The independent checker: replays a plan and knows nothing of how it was made.

mod invariant;
mod replay;
mod share;
mod summary;
mod violation;
mod world;

pub use invariant::invariant_i13_plan_is_safe;
pub use violation::PlanViolation;

use super::{Input, Plan, Policy};

/// Every rule that `plan` breaks on `input`: replayed move by move, wave by wave.
///
/// `input` must be one that [`plan`](super::plan()) accepts.
#[must_use]
pub fn check(input: &Input, policy: &Policy, plan: &Plan) -> Vec<PlanViolation> {
    let mut world = world::World::new(input);
    let mut found = Vec::new();
    let before = world.loads.clone();
    let moved = replay::replay(&mut world, policy, plan, &mut found);
    world.end_wave();
    summary::check(&world, &before, policy, plan, &moved, &mut found);
    found
}
