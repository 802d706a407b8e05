//! The newest state of the file, for all who read between two commits: to begin a transaction for each
//! point read takes longer than the read, and readers would wait for each other to begin.

use std::sync::{Arc, PoisonError, RwLock};

use redb::ReadTransaction;

use super::StoreError;
use super::redb_read::FileState;

#[derive(Default)]
pub(super) struct Newest {
    state: RwLock<Option<Arc<FileState>>>,
}

impl Newest {
    /// The state that was committed last; `begin` shows it, where nobody looked since.
    pub(super) fn get(
        &self,
        begin: impl FnOnce() -> Result<ReadTransaction, StoreError>,
    ) -> Result<Arc<FileState>, StoreError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = &*state {
            return Ok(Arc::clone(state));
        }
        drop(state);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = &*state {
            return Ok(Arc::clone(state));
        }
        // Under the lock: a commit meanwhile forgets this afterwards.
        let newest = Arc::new(FileState::new(begin()?));
        *state = Some(Arc::clone(&newest));
        Ok(newest)
    }

    /// Lets go of the state, which a commit makes the last but one. Whoever reads it right now reads on.
    pub(super) fn forget(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = state.take();
        drop(state);
        drop(forgotten);
    }
}
