//! How far a copy is, from step to step of an attempt.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::executor::Job;
use crate::schema::{Epoch, MigrationId};

/// What was reported last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) bytes: u64,
    pub(super) total: Option<u64>,
}

impl Figures {
    /// These, and what was shown before: nothing goes back, and nothing passes the total.
    pub(super) fn over(self, floor: Self) -> Self {
        let bytes = self.bytes.max(floor.bytes);
        Self {
            bytes,
            total: self.total.or(floor.total).map(|total| total.max(bytes)),
        }
    }
}

/// The figures of the copies under way: a round of catching up goes on where the copy ended.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<MigrationId, (Epoch, Figures)>>);

impl Ledger {
    /// Those of the attempt of `job`, when its copy was made here.
    pub(super) fn of(&self, job: &Job) -> Option<Figures> {
        self.with(|all| match all.get(&job.migration) {
            Some((epoch, figures)) if *epoch == job.epoch => Some(*figures),
            Some(_) | None => None,
        })
    }

    pub(super) fn note(&self, job: &Job, figures: Figures) {
        self.with(|all| all.insert(job.migration, (job.epoch, figures)));
    }

    /// The attempt is past them.
    pub(super) fn forget(&self, job: &Job) {
        self.with(|all| all.remove(&job.migration));
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<MigrationId, (Epoch, Figures)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
