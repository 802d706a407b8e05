//! The shards in a node's directory.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::Problem;
use super::measure::measure;
use super::meta::Kind;
use super::names::is_reserved;
use super::node::Node;
use super::relative::Relative;
use crate::schema::text::ShardName;

/// What `fsck` makes at the top of some file systems; never a shard.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// One entry of a node's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedShard {
    /// The entry's name.
    pub name: ShardName,
    /// The sum of the lengths of its files.
    pub bytes: u64,
    /// How many files and links it has.
    pub files: u64,
}

/// Why the shards of a directory could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Something could not be read.
    #[error("could not {doing} {path:?}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something is not as a shard can be.
    #[error("{reason}")]
    Refused {
        /// What, and the way out.
        reason: String,
    },
}

/// Every entry of the directory `path` as a shard, sorted by name. Our own names (see
/// [`is_temporary_name`](super::is_temporary_name) and [`mark`](super::mark)), `lost+found`, and sockets, pipes and devices
/// are left out. Changes nothing.
///
/// # Errors
/// [`ScanError`], when the directory or something in it cannot be read.
pub fn scan(path: &Path) -> Result<Vec<ScannedShard>, ScanError> {
    let node = Node::at(path)?;
    let mut shards = Vec::new();
    for name in node.names()? {
        if let Some(shard) = examine(&node, name)? {
            shards.push(shard);
        }
    }
    Ok(shards)
}

fn examine(node: &Node, name: OsString) -> Result<Option<ScannedShard>, ScanError> {
    if is_reserved(&name) || name.as_bytes() == LOST_AND_FOUND {
        return Ok(None);
    }
    let tree = node.tree(name.clone());
    // It may have vanished since the listing.
    let Some(meta) = tree.meta(&Relative::top())? else {
        return Ok(None);
    };
    if meta.kind == Kind::Other {
        return Ok(None);
    }
    let size = measure(&tree)?;
    let name = ShardName::new(name.into_encoded_bytes()).map_err(|error| ScanError::Refused {
        reason: error.to_string(),
    })?;
    Ok(Some(ScannedShard {
        name,
        bytes: size.bytes,
        files: size.files,
    }))
}

impl From<Problem> for ScanError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Io {
                doing,
                path,
                source,
            } => Self::Io {
                doing,
                path,
                source,
            },
            other @ (Problem::Interrupted(_)
            | Problem::Name(_)
            | Problem::Refused(_)
            | Problem::NotNow(_)
            | Problem::StartOver(_)) => Self::Refused {
                reason: other.to_string(),
            },
        }
    }
}
