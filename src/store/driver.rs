use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase as _, StorageError, WriteTransaction};

use super::ballast::Ballast;
use super::group::{Group, Ran, Waiting};
use super::health::Health;
use super::newest::Newest;
use super::overlay::Overlay;
use super::redb_read::RedbRead;
use super::redb_tx::RedbTx;
use super::{Durability, Procedure, ReadRows, StoreError};

/// When an operation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// When the disk has it.
    Durable,
    /// At once, unless the disk is further behind than this. For what may be lost in a crash and
    /// is then reported again.
    Lazy { lag_ms_max: u64 },
}

impl Commit {
    /// What satisfies both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
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

/// An open file.
pub(crate) struct Store {
    /// Dropped before the database that it reads.
    newest: Newest,
    db: Database,
    durability: Durability,
    health: Health,
    group: Group,
    /// Since when commits wait for the disk. `None`: the disk has everything.
    behind_since: Mutex<Option<Instant>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("durability", &self.durability)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn new(db: Database, durability: Durability, ballast: Ballast) -> Self {
        Self {
            newest: Newest::default(),
            db,
            durability,
            health: Health::new(ballast),
            group: Group::default(),
            behind_since: Mutex::new(None),
        }
    }

    /// Runs `procedure`: all of it is applied, or none. `commit` says of what it answers whether that
    /// may be lost in a crash. Callers at the same time share one transaction, in which each decides
    /// and writes on its own, and its commit: nobody is told of success before that is there.
    pub(crate) fn write<P>(
        &self,
        procedure: P,
        commit: impl FnOnce(&P::Output) -> Commit + Send + 'static,
    ) -> Result<P::Output, P::Error>
    where
        P: Procedure + Send + 'static,
        P::Output: Send + 'static,
        P::Error: Send + 'static,
    {
        self.group
            .write(procedure, commit, |batch| self.commit_together(batch))
    }

    /// As [`Self::write`], in a transaction of its own: for what is large, or borrows.
    pub(crate) fn write_alone<P: Procedure>(
        &self,
        procedure: &P,
        commit: impl FnOnce(&P::Output) -> Commit,
    ) -> Result<P::Output, P::Error> {
        self.health.usable()?;
        let mut txn = self
            .db
            .begin_write()
            .map_err(|error| self.health.failed("beginning a transaction", error))?;
        let outcome = procedure.run(&mut RedbTx::new(&txn, &self.health));
        match outcome {
            Ok(output) => {
                let durable = self.prepare(&mut txn, commit(&output))?;
                self.commit(txn, durable)?;
                Ok(output)
            }
            Err(refusal) => {
                if let Err(error) = txn.abort() {
                    let earlier = matches!(error, StorageError::PreviousIo);
                    let error = self.health.failed("taking back a transaction", error);
                    // What failed earlier is the refusal, or another thread was told of it.
                    if !earlier {
                        return Err(error.into());
                    }
                }
                Err(refusal)
            }
        }
    }

    /// Runs those who wait, commits once, and tells each.
    pub(super) fn commit_together(&self, mut batch: Vec<Box<dyn Waiting>>) {
        let _guard = BreaksOnPanic(&self.health);
        let committed = self.run_together(&mut batch);
        let mut failed = committed.err();
        for operation in batch {
            let outcome = match &mut failed {
                None => Ok(()),
                // The error has one owner; the others are told the same.
                Some(error) => Err(std::mem::replace(error, error.again())),
            };
            operation.tell(outcome);
        }
    }

    fn run_together(&self, batch: &mut Vec<Box<dyn Waiting>>) -> Result<(), StoreError> {
        self.health.usable()?;
        let mut txn = self
            .db
            .begin_write()
            .map_err(|error| self.health.failed("beginning a transaction", error))?;
        let wanted = match self.run_each(&txn, batch) {
            Ok(Some(wanted)) => wanted,
            none_or_failed => {
                if let Err(error) = txn.abort() {
                    // What was refused stays refused; the handle is of no more use.
                    let error = self.health.failed("taking back a transaction", error);
                    tracing::debug!(%error, "nothing was to be kept");
                }
                return none_or_failed.map(|_| ());
            }
        };
        let durable = self.prepare(&mut txn, wanted)?;
        self.commit(txn, durable)
    }

    /// What commit those want that are to be kept. An operation that fails below fails all: what is
    /// in the transaction may be half of something. It is told apart from them: it knows what failed.
    fn run_each(
        &self,
        txn: &WriteTransaction,
        batch: &mut Vec<Box<dyn Waiting>>,
    ) -> Result<Option<Commit>, StoreError> {
        let mut tx = RedbTx::new(txn, &self.health);
        let mut wanted: Option<Commit> = None;
        let is_alone = batch.len() == 1;
        for (at, operation) in batch.iter_mut().enumerate() {
            let ran = if is_alone {
                operation.run(&mut tx)
            } else {
                let mut overlay = Overlay::over(&mut tx);
                let ran = operation.run(&mut overlay);
                if let Ran::Keep(_) = ran {
                    overlay.keep()?;
                }
                ran
            };
            if let Err(error) = self.health.usable() {
                if ran == Ran::Drop {
                    batch.remove(at).tell(Ok(()));
                }
                return Err(error);
            }
            if let Ran::Keep(commit) = ran {
                wanted = Some(wanted.map_or(commit, |other| other.and(commit)));
            }
        }
        Ok(wanted)
    }

    /// Shows `read` one consistent state of the file.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&mut dyn ReadRows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.health.usable()?;
        let state = self.newest.get(|| {
            let txn = self.db.begin_read();
            txn.map_err(|error| self.health.failed("beginning to read", error))
        })?;
        read(&mut RedbRead::new(state, &self.health))
    }

    /// Brings lazy commits to the disk.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        if self.behind().is_none() {
            return Ok(());
        }
        self.write(Nothing, |()| Commit::Durable)
    }

    /// Whether the file failed: this handle answers nothing more.
    pub(crate) fn needs_reopen(&self) -> bool {
        self.health.usable().is_err()
    }

    /// How many bytes are free on the file system of the file, where that is known.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let free_bytes = self.health.ballast().volume().free_bytes();
        free_bytes
            .inspect_err(|error| tracing::debug!(%error, "how much is free is not known"))
            .ok()
    }

    /// How many bytes the ballast should hold, and holds.
    pub(crate) fn ballast_bytes(&self) -> (u64, u64) {
        self.health.ballast().bytes()
    }

    /// Makes the ballast again where there is room.
    pub(crate) fn restock_ballast(&self) {
        self.health.ballast().restock();
    }

    fn behind(&self) -> Option<Duration> {
        let since = self.behind_since.lock();
        since
            .unwrap_or_else(PoisonError::into_inner)
            .map(|since| since.elapsed())
    }

    /// Sets what the commit will do; says whether it waits for the disk.
    fn prepare(&self, txn: &mut WriteTransaction, commit: Commit) -> Result<bool, StoreError> {
        let durable = match commit {
            // Not behind at all: the first lazy commit would be, until the next one.
            Commit::Durable | Commit::Lazy { lag_ms_max: 0 } => true,
            Commit::Lazy { lag_ms_max } => self
                .behind()
                .is_some_and(|behind| behind >= Duration::from_millis(lag_ms_max)),
        };
        if !durable {
            txn.set_durability(redb::Durability::None)
                .map_err(|error| self.health.failed("preparing a commit", error))?;
            return Ok(false);
        }
        match self.durability {
            Durability::Standard => {}
            Durability::Careful => txn.set_two_phase_commit(true),
            Durability::FastRestart => txn.set_quick_repair(true),
        }
        Ok(true)
    }

    fn commit(&self, txn: WriteTransaction, durable: bool) -> Result<(), StoreError> {
        // Held over the commit: a lazy commit right after it must not be taken for on the disk.
        let mut since = self
            .behind_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // What it keeps, this commit could not free.
        self.newest.forget();
        let committed = txn.commit();
        // Before anybody is told: what is read then is no older.
        self.newest.forget();
        committed.map_err(|error| self.health.commit_failed(error))?;
        if durable {
            *since = None;
        } else if since.is_none() {
            *since = Some(Instant::now());
        }
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Lazy commits may be lost by contract; the disk gets them where it can.
        if let Err(error) = self.flush() {
            tracing::warn!(%error, "the last progress reports were not flushed");
        }
    }
}

/// A panic between an operation and its commit leaves a transaction of which nobody knows how far it
/// is: the handle is of no more use.
struct BreaksOnPanic<'a>(&'a Health);

impl Drop for BreaksOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up();
        }
    }
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
