//! What the planner and the tracker of shardferry take and achieve, beside others. Every table about
//! plans names its seeds, and the same seed gives the same cluster.

pub mod planner;
pub mod tracker;

mod cluster;
mod data;
mod memory;
mod openb;
mod peers;
mod race;
mod random;
mod rates;
mod replay;
mod roadef;
mod shape;
mod size;
mod stores;
mod table;
mod timing;
mod weights;

pub use memory::Counted;
pub use size::Size;

/// Why there is no report.
pub type Error = Box<dyn std::error::Error>;

/// What a bench answers.
pub type Result<T> = std::result::Result<T, Error>;
