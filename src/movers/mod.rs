//! Ready movers: implementations of [`ShardMover`](crate::executor::ShardMover).

#[cfg(all(unix, feature = "command"))]
pub mod command;
#[cfg(unix)]
pub mod directory;

#[cfg(all(unix, feature = "command"))]
pub use command::CommandMover;
#[cfg(unix)]
pub use directory::DirectoryMover;
