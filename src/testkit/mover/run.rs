use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::World;
use super::failure::Fault;
use super::site::executor;
use super::stage::Stage;
use super::watched::Watched;
use crate::executor::{Executor, ExecutorOptions, RunReport, StopToken};
use crate::store::StoreError;
use crate::tracker::MigrationTracker;

/// An executor at work in a thread of its own. Dropped, it is killed.
pub(super) struct Run {
    pub(super) stage: Arc<Stage>,
    stop: StopToken,
    thread: Option<JoinHandle<Result<RunReport, StoreError>>>,
}

impl Run {
    pub(super) fn start<W: World>(
        tracker: &Arc<MigrationTracker>,
        mover: Watched<W>,
        stage: Arc<Stage>,
        stop: StopToken,
    ) -> Result<Self, Fault> {
        let options = ExecutorOptions {
            stop: stop.clone(),
            ..executor()?
        };
        let (tracker, ending) = (Arc::clone(tracker), Arc::clone(&stage));
        let thread = Builder::new()
            .name("conformance".to_owned())
            .spawn(move || {
                let report = Executor::run(&tracker, &mover, &options);
                ending.end();
                report
            })?;
        Ok(Self {
            stage,
            stop,
            thread: Some(thread),
        })
    }

    /// Waits for its end.
    pub(super) fn join(mut self) -> Result<RunReport, Fault> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(report)) => {
                let report = report?;
                self.stage.verdict()?;
                Ok(report)
            }
            Some(Err(_)) | None => Err(Fault::new("an executor that ends", "a panic in it")),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop();
            self.stage.kill();
            // What it says does not count: it is dead.
            drop(thread.join());
        }
    }
}
