//! The mover under test, with boundaries.

use std::sync::Arc;

use super::World;
use super::failure::Fault;
use super::point::{At, Step};
use super::stage::Stage;
use super::watching::{Silent, Watching};
use crate::executor::{CatchUp, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
use crate::schema::v1::SavedCheckpoint;

/// Calls the mover under test, and stops at each boundary for what the stage has there.
pub(super) struct Watched<W> {
    inner: Box<dyn ShardMover>,
    world: Arc<W>,
    stage: Arc<Stage>,
    /// A step that is called once more, by a mover that knows nothing of the first call.
    twice: Option<Step>,
}

impl<W: World> Watched<W> {
    pub(super) fn new(world: &Arc<W>, stage: &Arc<Stage>, twice: Option<Step>) -> Self {
        Self {
            inner: world.mover(),
            world: Arc::clone(world),
            stage: Arc::clone(stage),
            twice,
        }
    }

    /// One call of a step that makes no reports.
    fn plain(
        &self,
        step: Step,
        job: &Job,
        work: impl Fn(&dyn ShardMover) -> Result<(), MoverError>,
    ) -> Result<(), MoverError> {
        self.bounded(step, job, None, |_| {
            work(&*self.inner)?;
            if self.twice == Some(step) {
                self.again(step, work(&*self.world.mover()))?;
            }
            Ok(())
        })
    }

    /// The boundaries around a call.
    fn bounded<T>(
        &self,
        step: Step,
        job: &Job,
        reporter: Option<&dyn Reporter>,
        work: impl FnOnce(u32) -> Result<T, MoverError>,
    ) -> Result<T, MoverError> {
        let call = self.stage.call(step);
        let pass = |at| -> Result<(), Interrupted> {
            let reporter = reporter.filter(|_| at == At::Before);
            self.stage.pass(Stage::point(step, call, at), job, reporter)
        };
        pass(At::Before)?;
        let done = work(call)?;
        pass(At::After)?;
        Ok(done)
    }

    /// The second call of a step comes to the same end as the first.
    fn again<T>(&self, step: Step, outcome: Result<T, MoverError>) -> Result<T, MoverError> {
        if let Err(error) = &outcome
            && !self.stage.is_dead()
        {
            self.stage.fault(Fault::new(
                format!("{step}, called once more after it was done, to succeed"),
                error.to_string(),
            ));
        }
        outcome
    }
}

impl<W: World> ShardMover for Watched<W> {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        self.bounded(Step::Copy, job, Some(reporter), |call| {
            let at = (Step::Copy, call);
            let watching = Watching::new(&self.stage, job, at, reporter, checkpoint);
            let done = self.inner.copy(job, checkpoint, &watching);
            watching.returned(&done);
            done?;
            if self.twice == Some(Step::Copy) {
                // From where it ended, and, as after a difference, from the beginning.
                for checkpoint in [watching.checkpoint(), None] {
                    let copied = self.world.mover().copy(job, checkpoint.as_ref(), &Silent);
                    self.again(Step::Copy, copied)?;
                }
            }
            Ok(())
        })
    }

    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        self.bounded(Step::CatchUp, job, Some(reporter), |call| {
            let at = (Step::CatchUp, call);
            let watching = Watching::new(&self.stage, job, at, reporter, None);
            let done = self.inner.catch_up(job, &watching);
            watching.returned(&done);
            let done = done?;
            if self.twice == Some(Step::CatchUp) {
                let again = self.world.mover().catch_up(job, &Silent);
                return self.again(Step::CatchUp, again);
            }
            Ok(done)
        })
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::Fence, job, |mover| mover.fence(job))
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::Unfence, job, |mover| mover.unfence(job))
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        self.bounded(Step::Verify, job, Some(reporter), |call| {
            let at = (Step::Verify, call);
            let watching = Watching::new(&self.stage, job, at, reporter, None);
            let done = self.inner.verify(job, &watching);
            watching.returned(&done);
            let proof = done?;
            if self.twice == Some(Step::Verify) {
                let again = self.world.mover().verify(job, &Silent);
                let again = self.again(Step::Verify, again)?;
                if again != proof {
                    self.stage.fault(Fault::new(
                        format!("the same proof from a second verification: {proof:?}"),
                        format!("{again:?}"),
                    ));
                }
            }
            Ok(proof)
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::Activate, job, |mover| mover.activate(job))
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::ReleaseSource, job, |mover| mover.release_source(job))
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::DiscardDestination, job, |mover| {
            mover.discard_destination(job)
        })
    }
}
