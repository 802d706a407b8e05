//! A crash-safe shard-migration tracker, planner and executor.

pub mod executor;
pub mod movers;

/// The on-disk format: ids, records and their limits.
pub use migrations_schema as schema;
