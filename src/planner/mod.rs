//! The planner: which shard should move where, and why.

mod band;
mod error;
mod input;
mod plan;
mod policy;
mod reason;
mod resource;

pub use band::Band;
pub use error::PlanError;
pub use input::{Availability, CoolingShard, InFlightMove, Input, NodeInput, ShardInput};
pub use plan::{Move, MoveReason, NodeLoad, Plan};
pub use policy::Policy;
pub use reason::{Left, Refusal, Refusals, WhyNode, WhyShard};
pub use resource::{PerResource, Resource};
