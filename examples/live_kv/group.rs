//! Writers that come at the same time share one commit, and one wait for the disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::NodeError;
use crate::marks::{Marks, Role};
use crate::shard_file::{Change, ShardFile};

/// What became of one write.
pub(crate) type Outcome = Result<Result<(u64, Marks), Role>, NodeError>;

/// Collects writes of one shard.
#[derive(Default)]
pub(crate) struct Group {
    waiting: Mutex<Vec<Arc<Waiting>>>,
    /// Held by the one who commits for all.
    committing: Mutex<()>,
}

struct Waiting {
    change: Change,
    outcome: Mutex<Option<Outcome>>,
}

impl Group {
    /// Writes `change` together with what others want to be written now. Once this returns the
    /// number of the write, it is durable.
    pub(crate) fn write(&self, file: &ShardFile, change: Change) -> Outcome {
        let ours = Arc::new(Waiting {
            change,
            outcome: Mutex::default(),
        });
        lock(&self.waiting).push(Arc::clone(&ours));
        let committing = lock(&self.committing);
        if let Some(outcome) = lock(&ours.outcome).take() {
            return outcome;
        }
        let all = std::mem::take(&mut *lock(&self.waiting));
        commit(file, &all);
        drop(committing);
        lock(&ours.outcome)
            .take()
            .unwrap_or_else(|| Err(NodeError::Unknown("nobody committed it".to_owned())))
    }
}

fn commit(file: &ShardFile, all: &[Arc<Waiting>]) {
    let changes: Vec<Change> = all.iter().map(|one| one.change.clone()).collect();
    match file.write(&changes) {
        Ok(Ok(written)) => {
            for (one, seq) in all.iter().zip(written.seqs) {
                *lock(&one.outcome) = Some(Ok(Ok((seq, written.marks))));
            }
        }
        Ok(Err(role)) => {
            for one in all {
                *lock(&one.outcome) = Some(Ok(Err(role)));
            }
        }
        Err(error) => {
            for one in all {
                *lock(&one.outcome) = Some(Err(NodeError::Unknown(error.to_string())));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
