use std::num::NonZeroUsize;
use std::sync::Arc;

use super::{NoObserver, Observer, StopToken};
use crate::schema::text::{ExecutorName, TextError};

/// How an executor works.
#[derive(Clone)]
pub struct ExecutorOptions {
    /// Its name, for people: it is in the events of what it does.
    pub name: ExecutorName,
    /// How many migrations it drives at once, at most. The limits of the file hold as well.
    pub workers: NonZeroUsize,
    /// How it is asked to stop.
    pub stop: StopToken,
    /// Who watches it.
    pub observer: Arc<dyn Observer>,
}

impl ExecutorOptions {
    /// Two workers, nobody watching.
    ///
    /// # Errors
    /// [`TextError`] when `name` is empty, too long, or has control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, TextError> {
        Ok(Self {
            name: ExecutorName::new(name)?,
            workers: NonZeroUsize::MIN.saturating_add(1),
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
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
