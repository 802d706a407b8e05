use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU16, Ordering};

use shardferry::MigrationTracker;
use shardferry::executor::{
    CatchUp, Executor, ExecutorOptions, Job, MoverError, Proof, Reporter, ShardMover,
};
use shardferry::schema::text::{Algorithm, Checkpoint, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};

/// Lets an executor work until nothing is left for it, with one worker, so that an input means
/// the same each time.
pub(super) fn drive(tracker: &MigrationTracker, failures: u16) {
    let mover = Mover {
        failures: AtomicU16::new(failures),
    };
    let mut options = ExecutorOptions::new("driver").expect("a name");
    options.workers = NonZeroUsize::MIN;
    if waits_for_long(tracker) {
        // An executor would wait with it, for longer than an input runs.
        options.stop.stop();
    }
    Executor::run(tracker, &mover, &options).expect("the file is good");
}

/// Whether a failed attempt, or a copy that could not be removed, is tried again much later.
fn waits_for_long(tracker: &MigrationTracker) -> bool {
    let now = tracker.now();
    let fails_for_long = tracker.settings().expect("a read").backoff_ms_max > 0;
    let unfinished = tracker.unfinished().expect("a scan");
    let cleanups = tracker.cleanups().expect("a scan");
    fails_for_long
        || unfinished.iter().any(|row| row.not_before_ms > now)
        || cleanups.iter().any(|row| row.retry_at_ms > now)
}

/// Moves nothing. Each call takes two bits, which say how it fails; when they run out, none does.
struct Mover {
    failures: AtomicU16,
}

impl Mover {
    fn call(&self) -> Result<(), MoverError> {
        let bits = self.failures.load(Ordering::Relaxed);
        self.failures.store(bits >> 2, Ordering::Relaxed);
        match bits & 3 {
            0 => Ok(()),
            1 => Err(MoverError::retriable("for now")),
            2 => Err(MoverError::permanent("for ever").starting_over()),
            _ => Err(MoverError::unknown("who knows")),
        }
    }
}

impl ShardMover for Mover {
    fn copy(
        &self,
        _: &Job,
        _: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        reporter.progress(1, Some(2))?;
        let cursor = Checkpoint::new(vec![1]).expect("short");
        reporter.checkpoint(cursor, 1, Some(2))?;
        self.call()?;
        reporter.progress(2, Some(2))?;
        Ok(())
    }

    fn catch_up(&self, _: &Job, _: &dyn Reporter) -> Result<CatchUp, MoverError> {
        self.call().map(|()| CatchUp::Done)
    }

    fn fence(&self, _: &Job) -> Result<(), MoverError> {
        self.call()
    }

    fn unfence(&self, _: &Job) -> Result<(), MoverError> {
        self.call()
    }

    fn verify(&self, _: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        self.call()?;
        reporter.verified(2, 2)?;
        let side = Side {
            items: 1,
            bytes: 2,
            digest: Digest::new(vec![7]).expect("short"),
        };
        Ok(Proof {
            algorithm: Algorithm::new("none").expect("a name"),
            source: side.clone(),
            destination: side,
        })
    }

    fn activate(&self, _: &Job) -> Result<(), MoverError> {
        self.call()
    }

    fn release_source(&self, _: &Job) -> Result<(), MoverError> {
        self.call()
    }

    fn discard_destination(&self, _: &Job) -> Result<(), MoverError> {
        self.call()
    }
}
