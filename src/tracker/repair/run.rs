use super::plan::{Change, What, changes};
use super::set_aside;
use super::{RepairOptions, RepairReport};
use crate::schema::TimestampMs;
use crate::schema::table::TableId;
use crate::store::{Procedure, StoreError, Tx};
use crate::tracker::MigrationTracker;
use crate::tracker::check::{Image, invariants_of};

impl MigrationTracker {
    /// Puts right what follows from other rows, and sets aside what cannot be read.
    ///
    /// Every index is built again from its tables. A row of another table that cannot be read goes to
    /// the table `set_aside`, with its bytes and the reason; what it was about stays as blocked as
    /// it was, until [`Self::forgive_set_aside`]. Nothing is guessed: rows that contradict each other
    /// (two migrations of a shard under way, an owner that no cutover made, a gap in the log) are
    /// left as they are, and are in [`RepairReport::left`].
    ///
    /// One transaction: a crash leaves the file as it was, or repaired. Repairing a second time
    /// changes nothing. With [`RepairOptions::dry_run`] nothing is written, and the report is the
    /// same. It costs the whole file in memory.
    ///
    /// ```
    /// use shardferry::MigrationTracker;
    /// use shardferry::tracker::RepairOptions;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    ///
    /// let report = tracker.repair(&RepairOptions { dry_run: true })?;
    /// assert!(report.changes.is_empty() && report.is_sound());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or written; nothing changed.
    pub fn repair(&self, options: &RepairOptions) -> Result<RepairReport, StoreError> {
        let run = Run {
            dry_run: options.dry_run,
            now: self.now(),
        };
        match self.write_alone(&run) {
            Ok(report) | Err(Ended::DryRun(report)) => Ok(*report),
            Err(Ended::Store(error)) => Err(error),
        }
    }
}

struct Run {
    dry_run: bool,
    now: TimestampMs,
}

/// Why a repair wrote nothing.
enum Ended {
    /// It was not meant to: the transaction is taken back, and what it would have left is known.
    DryRun(Box<RepairReport>),
    Store(StoreError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Procedure for Run {
    type Output = Box<RepairReport>;
    type Error = Ended;

    fn run(&self, tx: &mut dyn Tx) -> Result<Box<RepairReport>, Ended> {
        let image = Image::read(tx)?;
        let mut told = Vec::new();
        for change in changes(&image) {
            let value = tx.get(change.table, &change.key)?;
            let value_bytes = value.as_ref().map_or(0, Vec::len);
            told.push(change.told(u64::try_from(value_bytes).unwrap_or(u64::MAX)));
            self.make(tx, change, value.unwrap_or_default())?;
        }
        let mut rows = 0_u64;
        for table in TableId::ALL {
            rows = rows.saturating_add(tx.len(*table)?);
        }
        let report = Box::new(RepairReport {
            dry_run: self.dry_run,
            changes: told,
            left: invariants_of(&Image::read(tx)?),
            rows,
        });
        if self.dry_run {
            return Err(Ended::DryRun(report));
        }
        Ok(report)
    }
}

impl Run {
    fn make(&self, tx: &mut dyn Tx, change: Change, value: Vec<u8>) -> Result<(), StoreError> {
        let Change { table, key, what } = change;
        match what {
            What::SetAside { reason } => {
                set_aside::keep(tx, table, &key, &value, &reason, self.now)?;
                tx.delete(table, &key)
            }
            What::Put { value, .. } => tx.put(table, &key, &value),
            What::Delete => tx.delete(table, &key),
        }
    }
}
