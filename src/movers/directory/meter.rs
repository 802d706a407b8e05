//! How far a copy is, in numbers that never go back and never pass the total.

use super::cursor::Cursor;
use super::error::Problem;
use crate::executor::Reporter;

/// Counts the bytes of one copy and reports them.
pub(super) struct Meter<'a> {
    reporter: &'a dyn Reporter,
    done: u64,
    total: u64,
    /// What was shown before this copy began: the bytes of the checkpoint. A copy that goes on from
    /// it passes again over what is done, and one that has to start over begins below it.
    floor: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(reporter: &'a dyn Reporter, total: u64, floor: u64) -> Self {
        Self {
            reporter,
            done: 0,
            total,
            floor,
        }
    }

    /// Waits until `bytes` more may be moved.
    pub(super) fn throttle(&self, bytes: u64) -> Result<(), Problem> {
        Ok(self.reporter.throttle(bytes)?)
    }

    /// `bytes` more are at the destination.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), Problem> {
        self.done = self.done.saturating_add(bytes);
        let (done, total) = self.shown();
        Ok(self.reporter.progress(done, total)?)
    }

    /// All that `cursor` covers is synced.
    pub(super) fn checkpoint(&mut self, cursor: &Cursor) -> Result<(), Problem> {
        let (done, total) = self.shown();
        match cursor.encode() {
            Some(cursor) => Ok(self.reporter.checkpoint(cursor, done, total)?),
            // A path too long for a checkpoint: the next one comes soon.
            None => Ok(self.reporter.progress(done, total)?),
        }
    }

    /// A source that grows makes the total grow.
    fn shown(&mut self) -> (u64, Option<u64>) {
        let done = self.done.max(self.floor);
        self.total = self.total.max(done);
        (done, Some(self.total))
    }
}
