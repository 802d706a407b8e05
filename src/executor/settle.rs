//! What is left after a migration: the destination has to serve, and a copy has to go.

use super::attempt::{Stopped, endpoint, guarded};
use super::{ExecutorOptions, Job, Notice, ShardMover};
use crate::schema::v1::{Cleanup, CleanupKind, FailureClass};
use crate::schema::{Epoch, TimestampMs};
use crate::store::StoreError;
use crate::tracker::{CleanupError, CleanupReport, MigrationTracker};

/// What became of a cleanup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The copy is gone.
    Yes,
    /// Its time has not come.
    Later,
    /// It did not succeed, and is tried again.
    Failed,
    /// Somebody else settled it.
    Elsewhere,
}

/// Whether there is something to do about `cleanup`: a destination is made to serve at once, the
/// grace period is for the source copy only.
pub(super) fn is_due(cleanup: &Cleanup, now: TimestampMs) -> bool {
    let to_activate = cleanup.kind == CleanupKind::ReleaseSource && !cleanup.activated;
    now >= cleanup.retry_at_ms && (to_activate || now >= cleanup.not_before_ms)
}

/// Does what there is to do about `cleanup`.
pub(super) fn settle(
    tracker: &MigrationTracker,
    mover: &dyn ShardMover,
    options: &ExecutorOptions,
    cleanup: &Cleanup,
) -> Result<Settled, StoreError> {
    // The list that it comes from may be old: somebody may have settled it meanwhile, and the shard
    // may even be back.
    let Some(cleanup) = &tracker
        .cleanup(cleanup.node, cleanup.shard)?
        .filter(|now| now.migration == cleanup.migration)
    else {
        return Ok(Settled::Elsewhere);
    };
    if !is_due(cleanup, tracker.now()) {
        return Ok(Settled::Later);
    }
    let job = job_of(tracker, cleanup)?;
    let outcome = match cleanup.kind {
        CleanupKind::ReleaseSource => release(tracker, mover, options, cleanup, &job),
        CleanupKind::DiscardDestination => {
            guarded(|| mover.discard_destination(&job)).map(|()| Settled::Yes)
        }
    };
    let (report, settled) = match outcome {
        Ok(Settled::Yes) => (CleanupReport::Settled, Settled::Yes),
        Ok(other) => return Ok(other),
        Err(Stopped::File(error)) => return Err(error),
        Err(stopped) => {
            let reason = match stopped {
                Stopped::Failed { reason, .. } => reason,
                Stopped::Interrupted | Stopped::Left | Stopped::File(_) => {
                    "the mover stopped by itself".to_owned()
                }
            };
            options.observer.notice(&Notice::CleanupFailed {
                cleanup,
                reason: &reason,
            });
            (CleanupReport::Failed(reason.into()), Settled::Failed)
        }
    };
    if !say(tracker, cleanup, report, options)? {
        return Ok(Settled::Elsewhere);
    }
    if settled == Settled::Yes {
        options.observer.notice(&Notice::Settled { cleanup });
    }
    Ok(settled)
}

/// The destination serves, then the source copy goes: in this order, and the first is durable
/// before the second begins.
fn release(
    tracker: &MigrationTracker,
    mover: &dyn ShardMover,
    options: &ExecutorOptions,
    cleanup: &Cleanup,
    job: &Job,
) -> Result<Settled, Stopped> {
    if !cleanup.activated {
        guarded(|| mover.activate(job))?;
        let said = say(tracker, cleanup, CleanupReport::Activated, options);
        if !said.map_err(Stopped::File)? {
            return Ok(Settled::Elsewhere);
        }
    }
    if tracker.now() < cleanup.not_before_ms {
        return Ok(Settled::Later);
    }
    let job = where_it_is_now(tracker, job).map_err(Stopped::File)?;
    if job.to.node == cleanup.node {
        // Back where it was: this copy is the shard.
        return Ok(Settled::Elsewhere);
    }
    serves(tracker, &job)?;
    guarded(|| mover.release_source(&job))?;
    Ok(Settled::Yes)
}

/// Whether the destination of `job` serves: it may be that of a later cutover, which nobody has made to
/// serve yet.
fn serves(tracker: &MigrationTracker, job: &Job) -> Result<(), Stopped> {
    let Some(last) = tracker.last_move(job.shard).map_err(Stopped::File)? else {
        return Ok(());
    };
    let left = tracker
        .cleanup(last.from, job.shard)
        .map_err(Stopped::File)?;
    let waits = |left: &Cleanup| left.migration == last.migration && !left.activated;
    if !left.as_ref().is_some_and(waits) {
        return Ok(());
    }
    Err(Stopped::Failed {
        class: FailureClass::Retriable,
        reason: format!(
            "node {} does not serve yet what migration {} brought: this copy stays until then",
            last.to, last.migration
        ),
        from_scratch: false,
    })
}

/// During the grace period the shard may have moved on: the copy that makes this one superfluous
/// is where the last cutover brought it.
fn where_it_is_now(tracker: &MigrationTracker, job: &Job) -> Result<Job, StoreError> {
    let mut job = job.clone();
    if let Some(last) = tracker.last_move(job.shard)?
        && last.to != job.to.node
    {
        job.to = endpoint(tracker, last.to)?;
    }
    Ok(job)
}

/// Records `report`; false when the entry is no longer there.
fn say(
    tracker: &MigrationTracker,
    cleanup: &Cleanup,
    report: CleanupReport,
    options: &ExecutorOptions,
) -> Result<bool, StoreError> {
    match tracker.report_cleanup(cleanup, report, &options.name) {
        Ok(()) => Ok(true),
        Err(CleanupError::NotFound { .. } | CleanupError::Superseded { .. }) => Ok(false),
        Err(CleanupError::Store(error)) => Err(error),
    }
}

fn job_of(tracker: &MigrationTracker, cleanup: &Cleanup) -> Result<Job, StoreError> {
    let shard = tracker.shard(cleanup.shard)?;
    let migration = tracker.get_migration(cleanup.migration)?;
    Ok(Job {
        migration: cleanup.migration,
        epoch: migration.map_or(Epoch(0), |migration| migration.epoch),
        shard: cleanup.shard,
        shard_name: shard.map(|shard| shard.name),
        from: endpoint(tracker, cleanup.from)?,
        to: endpoint(tracker, cleanup.to)?,
    })
}
