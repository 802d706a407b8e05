use std::num::NonZeroUsize;
use std::sync::Arc;

use super::{NoObserver, Observer, StopToken};
use crate::schema::text::{ExecutorName, TextError};

/// What an executor works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorksOn {
    /// Migrations, and the copies that have to go.
    #[default]
    Everything,
    /// The copies that have to go. Nothing is claimed.
    Cleanups,
}

/// How an executor works.
#[derive(Clone)]
pub struct ExecutorOptions {
    /// Its name, for people: it is in the events of what it does.
    pub name: ExecutorName,
    /// How many migrations it drives at once, at most. The limits of the file hold as well.
    pub workers: NonZeroUsize,
    /// What it works on.
    pub works_on: WorksOn,
    /// Whether it waits for more to do when there is nothing, until it is asked to stop.
    pub stays: bool,
    /// How it is asked to stop.
    pub stop: StopToken,
    /// Who watches it.
    pub observer: Arc<dyn Observer>,
}

impl ExecutorOptions {
    /// Two workers on everything there is, nobody watching.
    ///
    /// # Errors
    /// [`TextError`] when `name` is empty, too long, or has control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, TextError> {
        Ok(Self {
            name: ExecutorName::new(name)?,
            workers: NonZeroUsize::MIN.saturating_add(1),
            works_on: WorksOn::Everything,
            stays: false,
            stop: StopToken::new(),
            observer: Arc::new(NoObserver),
        })
    }
}

impl std::fmt::Debug for ExecutorOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecutorOptions")
            .field("name", &self.name)
            .field("workers", &self.workers)
            .field("works_on", &self.works_on)
            .field("stays", &self.stays)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
