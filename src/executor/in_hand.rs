use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{ExecutorOptions, Interrupted, Notice, Reporter};
use crate::machine::StepError;
use crate::schema::text::Checkpoint;
use crate::tracker::{Claim, MigrationTracker, TransitionError};

/// Progress is written at most this often: readers see a copy move, and the file has other work.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How long a wait for the byte limit goes on without looking whether to stop.
const WAIT_SLICE: Duration = Duration::from_millis(50);

/// A migration that a worker has in hand.
pub(super) struct InHand<'a> {
    pub(super) claim: Claim<'a>,
    options: &'a ExecutorOptions,
    tracker: &'a MigrationTracker,
    /// The attempt is no longer ours, or no longer wanted.
    lost: AtomicBool,
    /// The comparison came further, or the rate held it back, since the last sign of life.
    moving: AtomicBool,
    /// What made a report fail, when that was no request to stop.
    failure: Mutex<Option<TransitionError>>,
    reported_at: Mutex<Option<Instant>>,
    /// The bytes that were reported last.
    bytes: AtomicU64,
}

impl<'a> InHand<'a> {
    pub(super) fn new(
        claim: Claim<'a>,
        options: &'a ExecutorOptions,
        tracker: &'a MigrationTracker,
    ) -> Self {
        Self {
            claim,
            options,
            tracker,
            moving: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            failure: Mutex::new(None),
            reported_at: Mutex::new(None),
            bytes: AtomicU64::new(0),
        }
    }

    /// A sign of life. Learns, too, whether the work is still wanted.
    pub(super) fn renew(&self) {
        let moving = self.moving.swap(false, Ordering::Relaxed);
        let renewed = if moving {
            self.claim.renew_moving()
        } else {
            self.claim.renew()
        };
        match renewed {
            Ok(now) if now.cancel.is_some() => self.lost.store(true, Ordering::Release),
            Ok(_) => {}
            Err(error) => {
                self.refused(error);
            }
        }
    }

    /// Whether the mover was told to stop, or had a report refused.
    pub(super) fn was_told_to_stop(&self) -> bool {
        self.check().is_err()
    }

    /// The bytes that were reported last.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What made a report fail, when that was no request to stop.
    pub(super) fn take_failure(&self) -> Option<TransitionError> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Whether the mover may go on.
    fn check(&self) -> Result<(), Interrupted> {
        if self.lost.load(Ordering::Acquire) || self.options.stop.is_stopped() {
            return Err(Interrupted);
        }
        Ok(())
    }

    fn refused(&self, error: TransitionError) -> Interrupted {
        let wanted_no_more = matches!(
            error,
            TransitionError::Paused { .. }
                | TransitionError::Refused(
                    StepError::Fenced { .. }
                        | StepError::Cancelling { .. }
                        | StepError::Ended { .. }
                )
        );
        if !wanted_no_more {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            *failure = Some(error);
        }
        self.lost.store(true, Ordering::Release);
        Interrupted
    }

    fn is_due(&self) -> bool {
        let mut reported_at = self
            .reported_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = reported_at.is_none_or(|at| at.elapsed() >= REPORT_EVERY);
        if due {
            *reported_at = Some(Instant::now());
        }
        due
    }

    fn report(
        &self,
        bytes: u64,
        bytes_total: Option<u64>,
        checkpoint: Option<Checkpoint>,
    ) -> Result<(), Interrupted> {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.options.observer.notice(&Notice::Copied {
            id: self.claim.migration().id,
            bytes,
            bytes_total,
        });
        match self.claim.report(bytes, bytes_total, checkpoint) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refused(error)),
        }
    }
}

impl Reporter for InHand<'_> {
    fn progress(&self, bytes: u64, bytes_total: Option<u64>) -> Result<(), Interrupted> {
        self.check()?;
        if bytes_total == Some(bytes) || self.is_due() {
            self.report(bytes, bytes_total, None)?;
        }
        Ok(())
    }

    fn checkpoint(
        &self,
        cursor: Checkpoint,
        bytes: u64,
        bytes_total: Option<u64>,
    ) -> Result<(), Interrupted> {
        if self.lost.load(Ordering::Acquire) {
            return Err(Interrupted);
        }
        // Also of a copy that is being stopped: the next attempt goes on from here.
        self.report(bytes, bytes_total, Some(cursor))?;
        self.check()
    }

    fn verified(&self, bytes: u64, bytes_total: u64) -> Result<(), Interrupted> {
        self.check()?;
        self.moving.store(true, Ordering::Relaxed);
        if bytes == bytes_total || self.is_due() {
            self.options.observer.notice(&Notice::Verified {
                id: self.claim.migration().id,
                bytes,
                bytes_total,
            });
        }
        Ok(())
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.check()?;
        let until = Instant::now().checked_add(self.tracker.share_of_rate(bytes));
        while let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now()))
            && !left.is_zero()
        {
            // What waits for its share of the rate does not stall.
            self.moving.store(true, Ordering::Relaxed);
            thread::sleep(left.min(WAIT_SLICE));
            self.check()?;
        }
        Ok(())
    }
}
