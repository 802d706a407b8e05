//! What the executor asks of whoever moves the bytes.

use crate::schema::text::{Address, Algorithm, Checkpoint, NodeName, ShardName};
use crate::schema::v1::{FailureClass, SavedCheckpoint, Side};
use crate::schema::{Epoch, MigrationId, NodeId, ShardId};

/// One end of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The node.
    pub node: NodeId,
    /// Its name, when it is registered.
    pub name: Option<NodeName>,
    /// Its address, when one is registered.
    pub address: Option<Address>,
}

/// One move, as the mover sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The migration. A mover that leaves something on a node marks it with this id. It is the same in
    /// every attempt: the token under which a step whose outcome is not known is called again.
    pub migration: MigrationId,
    /// The attempt; grows with each.
    pub epoch: Epoch,
    /// The shard.
    pub shard: ShardId,
    /// Its name, when it is registered.
    pub shard_name: Option<ShardName>,
    /// The node that has the shard.
    pub from: Endpoint,
    /// The node that is to have it.
    pub to: Endpoint,
}

/// Moves the bytes of shards. The executor calls the steps in this order:
///
/// ```text
/// copy, catch_up ..., fence, catch_up, verify | cutover | activate, release_source
///                      '--- on any failure: unfence, discard_destination
/// ```
///
/// The process can die between any two instructions. So **each step may be called again**, in a
/// new process, after it was done in part or in whole, and must then come to the same end.
/// `copy` starts from the last checkpoint; every other step starts from the beginning.
pub trait ShardMover: Send + Sync {
    /// Copies the shard to the destination, where it must not serve yet. What a checkpoint covers
    /// must be safe at the destination (synced) before it is reported.
    ///
    /// # Errors
    /// [`MoverError`]. Whatever lies at the destination stays there for the next attempt, or for
    /// [`Self::discard_destination`].
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError>;

    /// Copies what was written to the source since the last round. Called until it says
    /// [`CatchUp::Done`], a bounded number of times, and once more after [`Self::fence`]. A mover
    /// of still data has nothing to do.
    ///
    /// # Errors
    /// As for [`Self::copy`].
    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        let _ = (job, reporter);
        Ok(CatchUp::Done)
    }

    /// Stops writes to the source.
    ///
    /// # Errors
    /// [`MoverError`]; writes may be stopped or not. [`Self::unfence`] follows.
    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        let _ = job;
        Ok(())
    }

    /// Lets writes to the source go on: the migration did not cut over.
    ///
    /// # Errors
    /// [`MoverError`]; it is tried again.
    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        let _ = job;
        Ok(())
    }

    /// Reads both sides and says what is there. Whether they are the same is for the executor to
    /// judge; a difference is not an error of the mover.
    ///
    /// # Errors
    /// [`MoverError`] when one side could not be read.
    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError>;

    /// Makes the destination serve its copy: the cutover has happened.
    ///
    /// # Errors
    /// [`MoverError`]; it is tried again until it succeeds, and the source copy stays until then.
    fn activate(&self, job: &Job) -> Result<(), MoverError>;

    /// Removes the copy at the source: the destination serves.
    ///
    /// # Errors
    /// [`MoverError`]; it is tried again until it succeeds.
    fn release_source(&self, job: &Job) -> Result<(), MoverError>;

    /// Removes what was copied to the destination: the migration did not cut over. Must not touch
    /// anything at the destination that this migration did not put there.
    ///
    /// # Errors
    /// [`MoverError`]; it is tried again until it succeeds.
    fn discard_destination(&self, job: &Job) -> Result<(), MoverError>;
}

/// How a mover tells how far it is, and learns that it has to stop.
pub trait Reporter: Send + Sync {
    /// Bytes copied so far in this attempt, and in all when known. Cheap: call it often. Must not
    /// go back within an attempt, nor pass the total.
    ///
    /// # Errors
    /// [`Interrupted`]: return at once.
    fn progress(&self, bytes_migrated: u64, bytes_total: Option<u64>) -> Result<(), Interrupted>;

    /// As [`Self::progress`], and: an interrupted copy can go on from `cursor`, because everything
    /// that it covers is synced at the destination. A mover that was told to stop may sync what it
    /// has and hand in one last checkpoint.
    ///
    /// # Errors
    /// [`Interrupted`]: return at once.
    fn checkpoint(
        &self,
        cursor: Checkpoint,
        bytes_migrated: u64,
        bytes_total: Option<u64>,
    ) -> Result<(), Interrupted>;

    /// Bytes compared so far and in all, for people who watch.
    ///
    /// # Errors
    /// [`Interrupted`]: return at once.
    fn verified(&self, bytes: u64, bytes_total: u64) -> Result<(), Interrupted>;

    /// Waits until `bytes` more may be moved under the byte limit.
    ///
    /// # Errors
    /// [`Interrupted`]: return at once.
    fn throttle(&self, bytes: u64) -> Result<(), Interrupted>;
}

/// Whether a round of catching up has to be followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// Little enough is left to stop writes for.
    Done,
    /// Another round is worth it.
    Again,
}

/// What was found on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How the digests were made.
    pub algorithm: Algorithm,
    /// The original.
    pub source: Side,
    /// The copy.
    pub destination: Side,
}

/// The mover has to stop: the executor is stopping, the migration was cancelled, or the attempt is
/// no longer the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Why a step of a mover did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum MoverError {
    /// The [`Reporter`] said so. Not a failure: the attempt is let go.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The step failed.
    #[error("{reason}")]
    Failed {
        /// Whether trying again may help.
        class: FailureClass,
        /// What went wrong, for people: name the thing, and the way out.
        reason: String,
        /// Whether the next attempt has to start from the beginning, without the checkpoint.
        from_scratch: bool,
        /// The cause.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl MoverError {
    fn failed(class: FailureClass, reason: impl Into<String>) -> Self {
        Self::Failed {
            class,
            reason: reason.into(),
            from_scratch: false,
            source: None,
        }
    }

    /// Trying again may help.
    pub fn retriable(reason: impl Into<String>) -> Self {
        Self::failed(FailureClass::Retriable, reason)
    }

    /// Trying again will not help.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::failed(FailureClass::Permanent, reason)
    }

    /// Whether the step happened is not known. It is called again, never taken for failed.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::failed(FailureClass::Unknown, reason)
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        if let Self::Failed { source, .. } = &mut self {
            *source = Some(cause.into());
        }
        self
    }

    /// The next attempt starts from the beginning, without the checkpoint.
    #[must_use]
    pub fn starting_over(mut self) -> Self {
        if let Self::Failed { from_scratch, .. } = &mut self {
            *from_scratch = true;
        }
        self
    }
}
