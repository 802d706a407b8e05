//! How a transaction gets to the disk.
//!
//! Without a log, redb's commit waits for the disk, or does not. With one, it never does, but for a
//! checkpoint: first the log gets what the transaction changed, then it is committed in redb, and whoever
//! waits is told. Nobody is shown what a crash could take back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redb::WriteTransaction;

use super::wal::{Wal, Way};
use super::{Durability, Known, Procedure, Store, StoreError};
use crate::schema::wal::Changes;

/// When an operation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// When the file itself has it, and not only its log: for what decides who can read the file.
    Whole,
    /// When the disk has it.
    Durable,
    /// At once, unless the disk is further behind than this. For what may be lost in a crash and
    /// is then reported again.
    Lazy { lag_ms_max: u64 },
}

impl Commit {
    /// What satisfies both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
            (Self::Durable, _) | (_, Self::Durable) => Self::Durable,
            (
                Self::Lazy { lag_ms_max },
                Self::Lazy {
                    lag_ms_max: other_ms_max,
                },
            ) => Self::Lazy {
                lag_ms_max: lag_ms_max.min(other_ms_max),
            },
        }
    }
}

/// What a transaction leaves to its commit, and to the next one.
pub(super) struct Left {
    /// What it changes.
    pub(super) changes: Changes,
    /// What it knows.
    pub(super) known: Known,
}

/// What the order of the commits decides.
pub(super) struct Order {
    /// What the last transaction knew, if it was committed.
    known: Known,
    /// Since when commits wait for the disk that nobody waits for. `None`: there are none.
    behind_since: Option<Instant>,
    wal: Option<Wal>,
}

impl Order {
    pub(super) fn new(wal: Option<Wal>) -> Self {
        Self {
            known: Known::default(),
            behind_since: None,
            wal,
        }
    }

    /// Which way a commit goes.
    fn way(&mut self, changes: Changes, wanted: Commit) -> Way {
        let is_awaited = match wanted {
            // Not behind at all: the first lazy commit would be, until the next one.
            Commit::Whole | Commit::Durable | Commit::Lazy { lag_ms_max: 0 } => true,
            Commit::Lazy { lag_ms_max } => self
                .behind_since
                .is_some_and(|since| since.elapsed() >= Duration::from_millis(lag_ms_max)),
        };
        let way = match &mut self.wal {
            Some(wal) => wal.take(changes, is_awaited),
            None if is_awaited => Way::Direct,
            None => Way::Later,
        };
        if wanted == Commit::Whole {
            Way::Direct
        } else {
            way
        }
    }
}

impl Store {
    /// What is known of the file as it is when a transaction begins.
    pub(super) fn take_known(&self) -> Known {
        std::mem::take(&mut locked(&self.order).known)
    }

    /// Commits `txn`, which leaves this.
    pub(super) fn commit(
        &self,
        mut txn: WriteTransaction,
        left: Left,
        wanted: Commit,
    ) -> Result<(), StoreError> {
        let Left { changes, known } = left;
        // Held over the commit: a lazy commit right after it must not be taken for on the disk.
        let mut order = locked(&self.order);
        // Somebody's read may have failed meanwhile: then nothing more is answered.
        self.health.usable()?;
        let way = order.way(changes, wanted);
        self.prepare(&mut txn, way, order.wal.as_ref())
            .map_err(|error| self.health.failed("preparing a commit", error))?;
        if let (Way::Logged, Some(wal)) = (way, &mut order.wal) {
            wal.append()
                .map_err(|error| self.health.commit_failed(error))?;
        }
        // What it keeps, this commit could not free.
        self.newest.forget();
        let committed = txn.commit();
        // Before anybody is told: what is read then is no older.
        self.newest.forget();
        committed.map_err(|error| self.health.commit_failed(error))?;
        if let (Way::Direct, Some(wal)) = (way, &mut order.wal) {
            wal.begin_anew();
        }
        order.behind_since = match way {
            Way::Later => order.behind_since.or_else(|| Some(Instant::now())),
            Way::Logged | Way::Direct => None,
        };
        order.known = known;
        Ok(())
    }

    /// Sets what the commit will do, and says in it what of the log it makes needless.
    fn prepare(
        &self,
        txn: &mut WriteTransaction,
        way: Way,
        wal: Option<&Wal>,
    ) -> Result<(), redb::Error> {
        if let Some(wal) = wal {
            wal.note(txn, way)?;
        }
        if way != Way::Direct {
            return Ok(txn.set_durability(redb::Durability::None)?);
        }
        match self.durability {
            Durability::Standard => {}
            Durability::Careful => txn.set_two_phase_commit(true),
            // With a log, these commits are few.
            Durability::FastRestart | Durability::WriteAhead => txn.set_quick_repair(true),
        }
        Ok(())
    }

    /// Brings lazy commits to the disk.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        if locked(&self.order).behind_since.is_none() {
            return Ok(());
        }
        self.write(Nothing, |()| Commit::Durable)
    }

    /// Brings everything to the disk, and leaves a file that needs no log.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let Some(wal) = locked(&self.order).wal.take() else {
            return self.flush();
        };
        self.health.usable()?;
        self.newest.forget();
        let last = || {
            let txn = self.db.begin_write()?;
            wal.give_up(&txn)?;
            Ok(txn.commit()?)
        };
        last().map_err(|error: redb::Error| self.health.commit_failed(error))?;
        wal.remove();
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transaction that writes nothing; its commit brings earlier ones to the disk.
struct Nothing;

impl Procedure for Nothing {
    type Output = ();
    type Error = StoreError;

    fn run(&self, _: &mut dyn super::Tx) -> Result<(), StoreError> {
        Ok(())
    }
}
