//! Does a [`ShardMover`](crate::executor::ShardMover) keep its contract? A suite to point at a mover
//! of one's own.
//!
//! The mover is driven by the real executor and the real tracker, on a file of its own for each
//! case, and dies, is stopped, called off, overtaken or called twice at each boundary and at its
//! reports. After each case the shard has to be whole, on one node, with nothing left over.
#![doc = include_str!("../../../docs/TESTING_A_MOVER.md")]

mod options;
mod world;

mod failure;
mod report;
mod suite;

mod cases;
mod check;
mod image;
mod plan;
mod point;
mod run;
mod site;
mod stage;
mod watched;
mod watching;

pub use failure::Failure;
pub use options::Options;
pub use point::{At, Point, Step};
pub use report::{Report, Skipped};
pub use suite::conformance;
pub use world::{
    BYSTANDER, BYSTANDER_NAME, DESTINATION, Look, SHARD, SHARD_NAME, SOURCE, World, WorldError,
    Write,
};
