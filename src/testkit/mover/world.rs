use std::collections::BTreeMap;

use crate::executor::{Job, ShardMover};
use crate::schema::{NodeId, ShardId};

/// The node that has the shard at first.
pub const SOURCE: NodeId = NodeId(1);
/// The node that is to have it.
pub const DESTINATION: NodeId = NodeId(2);
/// The shard that moves.
pub const SHARD: ShardId = ShardId(7);
/// The name of the shard that moves.
pub const SHARD_NAME: &str = "moving";
/// A shard that is on the destination from the beginning, and that nobody may touch.
pub const BYSTANDER: ShardId = ShardId(8);
/// The name of the shard that nobody may touch.
pub const BYSTANDER_NAME: &str = "bystander";

/// Why a world could not be made, read or changed. It ends the suite: it says nothing about the
/// mover.
pub type WorldError = Box<dyn std::error::Error + Send + Sync>;

/// Where the mover under test works: two nodes, with [`SHARD`] on [`SOURCE`] and [`BYSTANDER`] on
/// [`DESTINATION`]. What is in the shards is up to you; make [`SHARD`] large enough for several
/// reports and checkpoints.
///
/// The suite looks at a world while a step of the mover stands still in a report, so a mover may not
/// hold a lock of the world while it reports.
pub trait World: Send + Sync + 'static {
    /// A mover as a new process would make it: with nothing from those before, except what they
    /// left in the world.
    fn mover(&self) -> Box<dyn ShardMover>;

    /// All that is on `node` now.
    ///
    /// # Errors
    /// [`WorldError`]: the suite ends.
    fn look(&self, node: NodeId) -> Result<Look, WorldError>;

    /// The address of `node` for the mover.
    fn address(&self, node: NodeId) -> Option<String> {
        let _ = node;
        None
    }

    /// A client changes [`SHARD`] on `node`, each time in another way. `None`: not offered, and the
    /// cases with writes are skipped.
    ///
    /// # Errors
    /// [`WorldError`] within: the suite ends.
    fn write(&self, node: NodeId) -> Option<Result<Write, WorldError>> {
        let _ = node;
        None
    }

    /// Whether the mover's `fence` stops writes. Without that, a write during the verification may
    /// be lost, and that case is skipped.
    fn fences(&self) -> bool {
        false
    }

    /// Alters what `job` copied to the destination and does not serve yet. `None`: not offered, and
    /// that case is skipped.
    ///
    /// # Errors
    /// [`WorldError`] within: the suite ends.
    fn damage(&self, job: &Job) -> Option<Result<(), WorldError>> {
        let _ = job;
        None
    }
}

/// All that is on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What clients can read: the shards that the node serves, with their content or a digest of it.
    /// Equal exactly when the content is.
    pub served: BTreeMap<ShardId, String>,
    /// Whatever else is there, by name: half a copy, a temporary file.
    pub left_over: Vec<String>,
}

/// What became of a client's write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It was acknowledged: it must not be lost.
    Done,
    /// It was refused: writes are stopped, or the node does not serve the shard.
    Refused,
}
