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
