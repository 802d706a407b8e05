//! The planner: which shard should move where, and why.
//!
//! Pure: a cluster and a policy in, the moves out. No I/O, no clock, no randomness, no floating
//! point. What must not be is put right first: draining nodes are emptied, shards leave where they may
//! not be, and others make room for them where that is what it takes. Then, if a node is outside its
//! trigger band, the active nodes are brought into their target bands with few moves: those above shed,
//! those below are filled. The bands are those around the shares of what there is *after* the plan.
//! Every move passes the same tests, which depend on nothing but the cluster at that point (the receiver
//! does not refuse the shard; the move puts something right, or brings its nodes closer to their bands),
//! and the plan ends where no move passes them: so planning again with the plan in flight gives nothing.
//! Carried out, it gives nothing either, but for what begins with a shard that the plan has moved and that
//! could then go on: a plan moves a shard once.
//!
//! ```
//! use shardferry::planner::{Input, NodeInput, PerResource, Policy, Resource, ShardInput, plan};
//! use shardferry::schema::{NodeId, ShardId};
//!
//! let mut input = Input::default();
//! input.nodes = vec![NodeInput::new(NodeId(1)), NodeInput::new(NodeId(2))];
//! for shard in 0..8 {
//!     let owner = NodeId(if shard < 6 { 1 } else { 2 });
//!     let weights = PerResource::of_shard(4096, 0);
//!     input.shards.push(ShardInput::new(ShardId(shard), owner, weights));
//! }
//! let policy = Policy::new(Resource::COUNT, 100_000, 0)?;
//! let plan = plan(&input, &policy)?;
//! assert_eq!(plan.total_moves(), 2);
//! assert_eq!(plan.gap_moves(), Some(0));
//! # Ok::<(), shardferry::planner::PlanError>(())
//! ```

mod account;
mod again;
mod aim;
mod assign;
mod band;
mod bound;
mod check;
mod checked;
mod cluster;
mod column;
mod cover;
mod draft;
mod emptiest;
mod error;
mod explain;
mod finest;
mod giants;
mod groups;
mod homes;
mod hosts;
mod improve;
mod input;
mod leaving;
mod lookup;
mod make;
mod matching;
mod place;
mod placement;
mod plan;
mod policy;
mod price;
mod reason;
mod relax;
mod resource;
mod room;
mod sequence;
mod settle;
mod shed;
mod small;
mod sums;
mod vain;
mod wave;
mod weights;
mod world;

pub use account::{Account, Fate, Verdict, explain};
pub use band::Band;
pub use check::{Obstacle, PlanViolation, check, invariant_i13_plan_is_safe, obstacles};
pub use error::PlanError;
pub use input::{Availability, CoolingShard, InFlightMove, Input, NodeInput, ShardInput};
pub use make::plan;
pub use plan::{Move, MoveReason, NodeLoad, Plan, Warning};
pub use policy::Policy;
pub use reason::{Left, Refusal, Refusals, WhyNode, WhyShard, Wrong};
pub use resource::{PerResource, Resource, Resources};

#[cfg(test)]
mod tests;
