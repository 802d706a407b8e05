//! Ready movers: implementations of [`ShardMover`](crate::executor::ShardMover).

#[cfg(unix)]
pub mod directory;

#[cfg(unix)]
pub use directory::DirectoryMover;
