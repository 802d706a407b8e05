//! Other planners, on the same clusters. All of them answer who goes where.

mod citus;
mod loads;
mod predecessor;

pub(crate) use citus::Citus;
pub(crate) use loads::Outcome;
pub(crate) use predecessor::predecessor;

use shardferry::schema::NodeId;

/// The n-th shard of the input, and where it goes.
pub(crate) type Moves = Vec<(usize, NodeId)>;
