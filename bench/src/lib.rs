//! What the planner of shardferry takes and achieves, beside others. Every table names its seeds,
//! and the same seed gives the same cluster.

mod reports;

mod cluster;
mod data;
mod memory;
mod openb;
mod peers;
mod random;
mod replay;
mod roadef;
mod shape;
mod table;
mod timing;
mod weights;

pub use reports::{Report, Size, run};

/// Why there is no report.
pub type Error = Box<dyn std::error::Error>;

/// What a bench answers.
pub type Result<T> = std::result::Result<T, Error>;
