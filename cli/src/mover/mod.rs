//! Who moves the bytes: the nodes are directories, or a program knows what they are.

mod file;
mod program;

use std::path::PathBuf;

use clap::Args;
use shardferry::executor::ShardMover;
use shardferry::movers::DirectoryMover;

use crate::failure::Failure;

/// Who moves the bytes.
#[derive(Debug, Args)]
pub(crate) struct MoverArgs {
    /// Move shards by calling the program that this file describes (docs/MOVERS.md); without it,
    /// nodes are directories. A database needs the same mover in every run
    #[arg(long, value_name = "FILE")]
    mover: Option<PathBuf>,
}

impl MoverArgs {
    /// The mover that was asked for.
    pub(crate) fn open(&self) -> Result<Box<dyn ShardMover>, Failure> {
        match &self.mover {
            Some(path) => Ok(Box::new(file::read(path)?)),
            None => Ok(directories()),
        }
    }
}

/// Nodes are directories.
pub(crate) fn directories() -> Box<dyn ShardMover> {
    Box::new(DirectoryMover::requiring_marks())
}
