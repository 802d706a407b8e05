//! The reporter that the mover under test sees.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::failure::Fault;
use super::point::{At, Step};
use super::stage::Stage;
use crate::executor::{Interrupted, Job, MoverError, Reporter};
use crate::schema::text::Checkpoint;
use crate::schema::v1::SavedCheckpoint;

/// Reports that a step may make after it was told to stop: a last checkpoint, and one of each other
/// thread that was about to report.
const LAST_WORDS_MAX: u32 = 8;

/// Passes on what a mover reports, and watches that it stops when it is told.
pub(super) struct Watching<'a> {
    stage: &'a Stage,
    job: &'a Job,
    step: Step,
    call: u32,
    inner: &'a dyn Reporter,
    floor: u64,
    reports: AtomicU32,
    told: AtomicBool,
    last_words: AtomicU32,
    checkpoint: Mutex<Option<SavedCheckpoint>>,
}

impl<'a> Watching<'a> {
    pub(super) fn new(
        stage: &'a Stage,
        job: &'a Job,
        (step, call): (Step, u32),
        inner: &'a dyn Reporter,
        checkpoint: Option<&SavedCheckpoint>,
    ) -> Self {
        Self {
            stage,
            job,
            step,
            call,
            inner,
            floor: checkpoint.map_or(0, |saved| saved.bytes_migrated),
            reports: AtomicU32::new(0),
            told: AtomicBool::new(false),
            last_words: AtomicU32::new(0),
            checkpoint: Mutex::new(checkpoint.cloned()),
        }
    }

    /// Where a copy goes on.
    pub(super) fn checkpoint(&self) -> Option<SavedCheckpoint> {
        let saved = self.checkpoint.lock();
        saved.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The step has returned: when it was told to stop, it did not succeed.
    pub(super) fn returned<T>(&self, outcome: &Result<T, MoverError>) {
        if self.told.load(Ordering::Acquire) && outcome.is_ok() {
            self.stage.fault(Fault::new(
                format!(
                    "{} to return at once when a report is answered with `Interrupted`",
                    self.step
                ),
                "that it went on and returned Ok",
            ));
        }
    }

    fn at(&self, at: At) -> Result<(), Interrupted> {
        let point = Stage::point(self.step, self.call, at);
        self.stage.pass(point, self.job, Some(self.inner))
    }

    fn report(
        &self,
        is_checkpoint: bool,
        pass_on: impl FnOnce() -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        if self.told.load(Ordering::Acquire) {
            self.last_word();
        }
        let nth = self
            .reports
            .fetch_add(1, Ordering::AcqRel)
            .saturating_add(1);
        self.at(At::Asked(nth))?;
        let answer = pass_on();
        if answer.is_err() {
            self.told.store(true, Ordering::Release);
        } else if is_checkpoint {
            self.at(At::Recorded(nth))?;
        }
        answer
    }

    fn last_word(&self) {
        let words = self.last_words.fetch_add(1, Ordering::AcqRel);
        if words >= LAST_WORDS_MAX {
            self.stage.fault(Fault::new(
                format!(
                    "{} to return at once when a report is answered with `Interrupted`",
                    self.step
                ),
                format!("more than {LAST_WORDS_MAX} reports after that"),
            ));
        }
    }
}

impl Reporter for Watching<'_> {
    fn progress(&self, bytes: u64, total: Option<u64>) -> Result<(), Interrupted> {
        self.report(false, || {
            self.stage
                .reported(self.job.epoch, self.floor, bytes, total);
            self.inner.progress(bytes, total)
        })
    }

    fn checkpoint(
        &self,
        cursor: Checkpoint,
        bytes: u64,
        total: Option<u64>,
    ) -> Result<(), Interrupted> {
        self.report(true, || {
            self.stage
                .reported(self.job.epoch, self.floor, bytes, total);
            let saved = SavedCheckpoint {
                cursor: cursor.clone(),
                bytes_migrated: bytes,
            };
            let mut last = self
                .checkpoint
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = Some(saved);
            drop(last);
            self.inner.checkpoint(cursor, bytes, total)
        })
    }

    fn verified(&self, bytes: u64, total: u64) -> Result<(), Interrupted> {
        self.report(false, || self.inner.verified(bytes, total))
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.report(false, || self.inner.throttle(bytes))
    }
}

/// Takes every report and does nothing with it: for steps that are called without the executor.
pub(super) struct Silent;

impl Reporter for Silent {
    fn progress(&self, _: u64, _: Option<u64>) -> Result<(), Interrupted> {
        Ok(())
    }

    fn checkpoint(&self, _: Checkpoint, _: u64, _: Option<u64>) -> Result<(), Interrupted> {
        Ok(())
    }

    fn verified(&self, _: u64, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }

    fn throttle(&self, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}
