use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use super::StoreError;
use super::ballast::Ballast;

/// Whether the file failed below. Then what is in memory may not be what the file holds: nothing
/// more is answered, and the file has to be opened again.
#[derive(Debug, Default)]
pub(super) struct Health {
    broken: AtomicBool,
    /// Where that was first met.
    met_by: OnceLock<ThreadId>,
    ballast: Ballast,
}

impl Health {
    /// Of a file with this ballast, which is given up when the file system is full.
    pub(super) fn new(ballast: Ballast) -> Self {
        Self {
            ballast,
            ..Self::default()
        }
    }

    pub(super) fn ballast(&self) -> &Ballast {
        &self.ballast
    }

    /// Nothing more is answered.
    pub(super) fn give_up(&self) {
        self.met_by.get_or_init(|| thread::current().id());
        self.broken.store(true, Ordering::Release);
    }

    /// Whether the failure was met here, and not by a read of another thread.
    pub(super) fn was_met_here(&self) -> bool {
        self.met_by.get() == Some(&thread::current().id())
    }

    /// Refuses when the file failed before.
    pub(super) fn usable(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::Acquire) {
            return Err(StoreError::ReopenNeeded);
        }
        Ok(())
    }

    /// The file failed before anything of an operation could be applied.
    pub(super) fn failed(&self, doing: &'static str, source: impl Into<redb::Error>) -> StoreError {
        let source = source.into();
        if matches!(source, redb::Error::PreviousIo) {
            // What failed was an earlier operation, and whoever asked for that is told.
            return self.note(StoreError::ReopenNeeded);
        }
        self.note(StoreError::storage(doing, source))
    }

    /// A commit failed: the disk may have it all the same.
    pub(super) fn commit_failed(&self, source: impl Into<redb::Error>) -> StoreError {
        self.note(StoreError::CommitUnknown {
            source: Box::new(source.into()),
        })
    }

    fn note(&self, error: StoreError) -> StoreError {
        self.give_up();
        if error.is_disk_full() {
            self.ballast.give_up();
        }
        error
    }
}

/// Whether an error, or one of its causes, is that no space is left.
pub(super) fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = match error.downcast_ref::<redb::Error>() {
            Some(redb::Error::Io(io)) => Some(io),
            Some(_) | None => error.downcast_ref::<io::Error>(),
        };
        if io.is_some_and(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        }) {
            return true;
        }
        next = error.source();
    }
    false
}
