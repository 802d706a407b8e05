//! One attempt at one migration: every step from the copy to the cutover.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::in_hand::InHand;
use super::{CatchUp, Endpoint, Job, MoverError, Proof, ShardMover};
use crate::schema::NodeId;
use crate::schema::v1::{FailureClass, Migration};
use crate::store::StoreError;
use crate::tracker::{MigrationTracker, TransitionError};

/// Rounds of catching up before writes are stopped all the same: a source that is written to
/// faster than it can be copied would otherwise never be cut over.
const CATCH_UP_ROUNDS_MAX: usize = 16;

/// Why an attempt ended before the cutover.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The work is not wanted any more: a report about it was refused.
    Interrupted,
    /// The mover stopped; whether it was told to is for the executor to know.
    Left,
    /// A step failed, or a report about it was refused.
    Failed {
        class: FailureClass,
        reason: String,
        from_scratch: bool,
    },
    /// The file failed: nothing can be recorded.
    File(StoreError),
}

impl Stopped {
    /// A damaged row is the trouble of one migration; anything else is the file's.
    pub(super) fn of_file(error: StoreError) -> Self {
        if error.is_about_one_row() {
            return Self::Failed {
                class: FailureClass::Retriable,
                reason: chain(&error),
                from_scratch: false,
            };
        }
        Self::File(error)
    }
}

impl From<MoverError> for Stopped {
    fn from(error: MoverError) -> Self {
        let reason = chain(&error);
        match error {
            MoverError::Interrupted(_) => Self::Left,
            MoverError::Failed {
                class,
                from_scratch,
                ..
            } => Self::Failed {
                class,
                reason,
                from_scratch,
            },
        }
    }
}

impl From<TransitionError> for Stopped {
    fn from(error: TransitionError) -> Self {
        use crate::machine::StepError;
        match error {
            TransitionError::Store(error) => Self::of_file(error),
            TransitionError::Refused(
                StepError::Fenced { .. } | StepError::Cancelling { .. } | StepError::Ended { .. },
            )
            | TransitionError::Paused { .. } => Self::Interrupted,
            error @ (TransitionError::Refused(_)
            | TransitionError::NotFound { .. }
            | TransitionError::NotOwner { .. }
            | TransitionError::UnknownNode { .. }
            | TransitionError::NotAccepting { .. }) => Self::Failed {
                class: FailureClass::Permanent,
                reason: error.to_string(),
                from_scratch: false,
            },
        }
    }
}

/// Copies, proves and cuts over. Whatever stops it, the next attempt can go on.
pub(super) fn attempt(
    in_hand: &InHand<'_>,
    mover: &dyn ShardMover,
    job: &Job,
) -> Result<Migration, Stopped> {
    let claim = &in_hand.claim;
    let migration = claim.migration();
    if migration.fenced_at_ms.is_some() {
        unfence(in_hand, mover, job)?;
    }
    if migration.cancel.is_some() {
        return Err(Stopped::Interrupted);
    }
    guarded(|| mover.copy(job, migration.checkpoint.as_ref(), in_hand))?;
    catch_up(in_hand, mover, job)?;
    claim.fence()?;
    let ended = fenced_part(in_hand, mover, job);
    // After a failed commit nobody knows whether the cutover happened: writes stay stopped, and
    // whoever opens the file again finds the mark, or the cutover.
    if let Err(stopped) = &ended
        && !matches!(stopped, Stopped::File(_))
        && let Err(error) = unfence(in_hand, mover, job)
    {
        // The migration keeps the mark: whoever has it next starts with this.
        tracing::warn!(id = %migration.id, ?error, "writes to the source are still stopped");
    }
    ended
}

/// What happens while writes to the source are stopped: as short as possible.
fn fenced_part(
    in_hand: &InHand<'_>,
    mover: &dyn ShardMover,
    job: &Job,
) -> Result<Migration, Stopped> {
    let claim = &in_hand.claim;
    guarded(|| mover.fence(job))?;
    catch_up(in_hand, mover, job)?;
    claim.begin_verification()?;
    let Proof {
        algorithm,
        source,
        destination,
    } = guarded(|| mover.verify(job, in_hand))?;
    let differ = source != destination;
    let reason = format!(
        "the copies differ: the source has {} items of {} bytes, the destination {} of {}; \
         the source may have been written to during the copy",
        source.items, source.bytes, destination.items, destination.bytes
    );
    claim.submit_evidence(algorithm, source, destination)?;
    if differ {
        return Err(Stopped::Failed {
            class: FailureClass::Retriable,
            reason,
            from_scratch: true,
        });
    }
    Ok(claim.complete()?)
}

fn catch_up(in_hand: &InHand<'_>, mover: &dyn ShardMover, job: &Job) -> Result<(), Stopped> {
    for _ in 0..CATCH_UP_ROUNDS_MAX {
        match guarded(|| mover.catch_up(job, in_hand))? {
            CatchUp::Done => return Ok(()),
            CatchUp::Again => {}
        }
    }
    Ok(())
}

fn unfence(in_hand: &InHand<'_>, mover: &dyn ShardMover, job: &Job) -> Result<(), Stopped> {
    // Only the current attempt may: a later one may have stopped writes for itself.
    in_hand.claim.renew_moving()?;
    guarded(|| mover.unfence(job))?;
    in_hand.claim.unfence()?;
    Ok(())
}

/// Calls a mover. A panic in it is a failure of this attempt, and of nothing else.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, MoverError>) -> Result<T, Stopped> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => outcome.map_err(Stopped::from),
        Err(panic) => Err(Stopped::Failed {
            class: FailureClass::Retriable,
            reason: format!("the mover panicked: {}", panic_text(panic.as_ref())),
            from_scratch: false,
        }),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "(without a message)"
    }
}

/// An error and its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The job of a migration, with what the registry knows.
pub(super) fn job_of(tracker: &MigrationTracker, migration: &Migration) -> Result<Job, StoreError> {
    let shard = tracker.shard(migration.shard)?;
    Ok(Job {
        migration: migration.id,
        epoch: migration.epoch,
        shard: migration.shard,
        shard_name: shard.map(|shard| shard.name),
        from: endpoint(tracker, migration.from)?,
        to: endpoint(tracker, migration.to)?,
    })
}

pub(super) fn endpoint(tracker: &MigrationTracker, id: NodeId) -> Result<Endpoint, StoreError> {
    let node = tracker.node(id)?;
    let (name, address) = node.map_or((None, None), |node| (Some(node.name), node.address));
    Ok(Endpoint {
        node: id,
        name,
        address,
    })
}
