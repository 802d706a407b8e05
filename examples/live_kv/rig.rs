//! The mover, measured, and with trouble where that is to be shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use shardferry::executor::{CatchUp, Job, MoverError, Proof, Reporter, ShardMover};
use shardferry::schema::v1::SavedCheckpoint;
use shardferry::{MigrationId, ShardId};

use crate::cluster::Cluster;
use crate::mover::KvMover;

/// What goes wrong, once, after writes were stopped and before they are verified: the worst moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An operator calls the migration off.
    Cancelled,
    /// It fails for good.
    Failed,
    /// One value of the copy is not what it was.
    Damaged,
}

/// Writes of a shard were stopped and went on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) shard: ShardId,
    pub(crate) fenced_at: Instant,
    /// The destination serves, or the source again.
    pub(crate) over_at: Instant,
    pub(crate) moved: bool,
}

/// A mover whose pauses are measured.
pub(crate) struct Rig {
    cluster: Arc<Cluster>,
    mover: KvMover,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fenced: HashMap<MigrationId, Instant>,
    pauses: Vec<Pause>,
    trouble: HashMap<MigrationId, Trouble>,
}

impl Rig {
    pub(crate) fn new(cluster: &Arc<Cluster>) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            mover: KvMover::new(&cluster.nodes),
            state: Mutex::default(),
        }
    }

    /// Makes trouble for a migration.
    pub(crate) fn trouble(&self, id: MigrationId, trouble: Trouble) {
        self.lock().trouble.insert(id, trouble);
    }

    /// The pauses since the last call.
    pub(crate) fn take_pauses(&self) -> Vec<Pause> {
        std::mem::take(&mut self.lock().pauses)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self, job: &Job, moved: bool) {
        let mut state = self.lock();
        if let Some(fenced_at) = state.fenced.remove(&job.migration) {
            state.pauses.push(Pause {
                shard: job.shard,
                fenced_at,
                over_at: Instant::now(),
                moved,
            });
        }
    }

    fn make_trouble(&self, job: &Job) -> Result<(), MoverError> {
        let trouble = self.lock().trouble.remove(&job.migration);
        match trouble {
            None => Ok(()),
            Some(Trouble::Cancelled) => {
                let asked = (self.cluster.tracker).cancel_migration(job.migration, "called off");
                asked.map(|_| ()).map_err(|error| {
                    MoverError::retriable("calling the migration off").because(error)
                })
            }
            Some(Trouble::Failed) => Err(MoverError::permanent("made to fail, to show it")),
            Some(Trouble::Damaged) => Ok(self.mover.damage(job)?),
        }
    }
}

impl ShardMover for Rig {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        self.mover.copy(job, checkpoint, reporter)
    }

    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        self.mover.catch_up(job, reporter)
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        self.lock().fenced.insert(job.migration, Instant::now());
        self.mover.fence(job)
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.unfence(job)?;
        self.over(job, false);
        Ok(())
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        self.make_trouble(job)?;
        self.mover.verify(job, reporter)
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.activate(job)?;
        self.over(job, true);
        Ok(())
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.release_source(job)
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.discard_destination(job)
    }
}
