//! The independent checker: replays a plan and knows nothing of how it was made.

mod aims;
mod balance;
mod bands;
mod groups;
mod invariant;
mod late;
mod left;
mod obstacle;
mod placement;
mod reasons;
mod refusal;
mod replay;
mod slots;
mod summary;
mod violation;
mod world;

pub use invariant::invariant_i13_plan_is_safe;
pub use obstacle::{Obstacle, obstacles};
pub use violation::PlanViolation;

use super::{Input, Plan, Policy};

/// Every rule that `plan` breaks on `input`: replayed move by move, wave by wave.
///
/// `input` must be one that [`plan`](super::plan()) accepts.
#[must_use]
pub fn check(input: &Input, policy: &Policy, plan: &Plan) -> Vec<PlanViolation> {
    let mut found = Vec::new();
    let mut world = world::World::new(input, policy);
    summary::before(&world, plan, &mut found);
    let aims = aims::aims(&world, plan, &mut found);
    let moved = replay::replay(&mut world, &aims, plan, &mut found);
    world.end_wave();
    summary::after(&world, plan, &mut found);
    left::check(&world, &aims, plan, &moved, &mut found);
    found
}
