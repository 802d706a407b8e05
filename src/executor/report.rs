use std::time::Duration;

use crate::schema::v1::{Cleanup, Migration};

/// What a run of an executor did, and what is left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunReport {
    /// Migrations that were cut over.
    pub completed: u64,
    /// Migrations that were given up.
    pub failed: u64,
    /// Migrations that were called off.
    pub cancelled: u64,
    /// Attempts that did not succeed and were followed by another.
    pub retried: u64,
    /// Copies that had to go and are gone.
    pub settled: u64,
    /// Bytes that were copied, verified and cut over.
    pub bytes: u64,
    /// How long the run took.
    pub took: Duration,
    /// Whether it ended because it was asked to stop.
    pub stopped: bool,
    /// What is still under way: held back by a pause, a node that is down, or the stop.
    pub unfinished: Vec<Migration>,
    /// Copies that still have to go.
    pub cleanups: Vec<Cleanup>,
}

impl RunReport {
    /// This run and the `next` one as one: what was done adds up, what is left is what is left now.
    #[must_use]
    pub fn and_then(self, next: Self) -> Self {
        Self {
            completed: self.completed.saturating_add(next.completed),
            failed: self.failed.saturating_add(next.failed),
            cancelled: self.cancelled.saturating_add(next.cancelled),
            retried: self.retried.saturating_add(next.retried),
            settled: self.settled.saturating_add(next.settled),
            bytes: self.bytes.saturating_add(next.bytes),
            took: self.took.saturating_add(next.took),
            ..next
        }
    }
}
