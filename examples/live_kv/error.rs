use std::path::PathBuf;

use shardferry::executor::MoverError;
use shardferry::{MigrationId, NodeId, ShardId};

use crate::marks::{NoMarks, Refusal};

/// Where it only matters that something went wrong.
pub(crate) type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Why a node did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// Ask the tracker who has it.
    #[error("node {node} does not have shard {shard}")]
    NotHere { node: NodeId, shard: ShardId },
    /// It is on its way: try again, here or where the tracker says.
    #[error("node {node} does not serve shard {shard} now")]
    NotServing { node: NodeId, shard: ShardId },
    /// The step is that of another attempt, or not for this copy.
    #[error("shard {shard} on node {node}")]
    Refused {
        node: NodeId,
        shard: ShardId,
        #[source]
        refusal: Refusal,
    },
    /// The migration ended: nothing of it begins here again.
    #[error("migration {migration} has ended, and brings shard {shard} to node {node} no more")]
    Ended {
        node: NodeId,
        shard: ShardId,
        migration: MigrationId,
    },
    /// The commit failed: whether the write is there shows when the file is opened again.
    #[error("whether the write happened is not known: {0}")]
    Unknown(String),
    /// The marks of a file cannot be read.
    #[error(transparent)]
    Marks(#[from] NoMarks),
    /// A file of redb.
    #[error(transparent)]
    Redb(Box<redb::Error>),
    /// A folder or file.
    #[error("{path}")]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl NodeError {
    /// For `map_err`: names the path.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

macro_rules! of_redb {
    ($($error:ty),*) => { $(
        impl From<$error> for NodeError {
            fn from(error: $error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
    )* };
}

of_redb!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// What an attempt can do about it: another one may find the node up, or be the current one. What
/// was overtaken has no say in it: its reports are refused.
impl From<NodeError> for MoverError {
    fn from(error: NodeError) -> Self {
        let class = match &error {
            NodeError::Ended { .. } => Self::permanent,
            NodeError::Unknown(_) => Self::unknown,
            NodeError::NotHere { .. }
            | NodeError::NotServing { .. }
            | NodeError::Refused { .. }
            | NodeError::Marks(_)
            | NodeError::Redb(_)
            | NodeError::Io { .. } => Self::retriable,
        };
        class(error.to_string()).because(error)
    }
}
