//! The planner: which shard should move where, and why.

mod balance;
mod band;
mod bound;
mod check;
mod cluster;
mod error;
mod evacuate;
mod explain;
mod fill;
mod home;
mod input;
mod make;
mod plan;
mod policy;
mod reason;
mod relax;
mod resource;
mod schedule;
mod shed;

pub use band::Band;
pub use check::{PlanViolation, check, invariant_i13_plan_is_safe};
pub use error::PlanError;
pub use input::{Availability, CoolingShard, InFlightMove, Input, NodeInput, ShardInput};
pub use make::plan;
pub use plan::{Move, MoveReason, NodeLoad, Plan};
pub use policy::Policy;
pub use reason::{Left, Refusal, Refusals, WhyNode, WhyShard};
pub use resource::{PerResource, Resource};

#[cfg(test)]
mod tests;
