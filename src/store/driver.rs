use std::fmt;
use std::sync::Mutex;

use redb::{Database, ReadableDatabase as _, StorageError, WriteTransaction};

use super::ballast::Ballast;
use super::commit::{Commit, Left, Order};
use super::group::{Group, Ran, Waiting};
use super::health::Health;
use super::newest::Newest;
use super::redb_read::RedbRead;
use super::redb_tx::RedbTx;
use super::wal::Wal;
use super::{Durability, Procedure, ReadRows, StoreError};

/// An open file.
pub(crate) struct Store {
    /// Dropped before the database that it reads.
    pub(super) newest: Newest,
    pub(super) db: Database,
    pub(super) durability: Durability,
    pub(super) health: Health,
    group: Group,
    pub(super) order: Mutex<Order>,
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
    pub(super) fn new(
        db: Database,
        durability: Durability,
        wal: Option<Wal>,
        ballast: Ballast,
    ) -> Self {
        Self {
            newest: Newest::default(),
            db,
            durability,
            health: Health::new(ballast),
            group: Group::default(),
            order: Mutex::new(Order::new(wal)),
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
        let _turn = self.group.turn();
        self.health.usable()?;
        let txn = self
            .db
            .begin_write()
            .map_err(|error| self.health.failed("beginning a transaction", error))?;
        let mut tx = self.transaction(&txn);
        let outcome = procedure.run(&mut tx);
        let left = tx.into_left();
        match outcome {
            Ok(output) => {
                self.commit(txn, left, commit(&output))?;
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
    pub(super) fn commit_together(&self, led: &mut impl Iterator<Item = Box<dyn Waiting>>) {
        let _guard = BreaksOnPanic(&self.health);
        let mut ran = Vec::new();
        let committed = self.run_together(led, &mut ran);
        let mut failed = committed.err();
        // Those that were not run before it failed.
        ran.extend(led);
        for operation in ran {
            let outcome = match &mut failed {
                None => Ok(()),
                // The error has one owner; the others are told the same.
                Some(error) => Err(std::mem::replace(error, error.again())),
            };
            operation.tell(outcome);
        }
    }

    fn run_together(
        &self,
        led: &mut impl Iterator<Item = Box<dyn Waiting>>,
        ran: &mut Vec<Box<dyn Waiting>>,
    ) -> Result<(), StoreError> {
        self.health.usable()?;
        let txn = self
            .db
            .begin_write()
            .map_err(|error| self.health.failed("beginning a transaction", error))?;
        let (wanted, left) = match self.run_each(&txn, led, ran) {
            Ok(Some(kept)) => kept,
            none_or_failed => {
                if let Err(error) = txn.abort() {
                    // What was refused stays refused; the handle is of no more use.
                    let error = self.health.failed("taking back a transaction", error);
                    tracing::debug!(%error, "nothing was to be kept");
                }
                return none_or_failed.map(|_| ());
            }
        };
        self.commit(txn, left, wanted)
    }

    fn transaction<'a>(&'a self, txn: &'a WriteTransaction) -> RedbTx<'a> {
        RedbTx::new(txn, &self.health)
            .knowing(self.take_known())
            .noting(self.durability == Durability::WriteAhead)
    }

    /// What commit those want that are to be kept, and what they leave. An operation that fails below
    /// fails all: what is in the transaction may be half of something. It is told apart from them: it knows
    /// what failed. One that was refused does not: that may be for what now never comes to be.
    fn run_each(
        &self,
        txn: &WriteTransaction,
        led: &mut impl Iterator<Item = Box<dyn Waiting>>,
        ran: &mut Vec<Box<dyn Waiting>>,
    ) -> Result<Option<(Commit, Left)>, StoreError> {
        let mut tx = self.transaction(txn);
        let mut wanted: Option<Commit> = None;
        for mut operation in led {
            let mark = tx.mark();
            let kept = operation.run(&mut tx);
            let is_usable = self.health.usable();
            if is_usable.is_err() && kept == Ran::Drop && self.health.was_met_here() {
                operation.tell(Ok(()));
                return is_usable.map(|()| None);
            }
            ran.push(operation);
            is_usable?;
            match kept {
                Ran::Keep(commit) => {
                    wanted = Some(wanted.map_or(commit, |other| other.and(commit)));
                }
                Ran::Drop => tx.take_back(&mark)?,
            }
        }
        Ok(wanted.map(|wanted| (wanted, tx.into_left())))
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
}

impl Drop for Store {
    fn drop(&mut self) {
        // Lazy commits may be lost by contract; the disk gets them where it can. What a log has, the next
        // open finds there.
        if let Err(error) = self.close() {
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
