//! Drives migrations through a [`ShardMover`].

mod mover;

pub use mover::{CatchUp, Endpoint, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
