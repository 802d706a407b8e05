use std::path::{Path, PathBuf};

use super::MigrationTracker;
use super::check::{TableRows, Violation};
use crate::schema::table::TableId;
use crate::store::{
    Contents, Disk, Draft, FileSystem, OpenError, OpenOptions, Store, StoreError, Tx, contents,
};

/// How many rows pass between two notices of progress.
const NOTICE_ROWS: u64 = 1024;

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// What is being done.
    pub stage: BackupStage,
    /// How many rows it was done with.
    pub rows: u64,
    /// How many there are.
    pub rows_total: u64,
}

/// What a backup does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupStage {
    /// Rows are read here and written there.
    Copying,
    /// The copy is read again.
    Verifying,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Where it is.
    pub path: PathBuf,
    /// How many rows it has, by table.
    pub tables: Vec<TableRows>,
    /// Bytes of all keys and values.
    pub bytes: u64,
    /// BLAKE3 over all rows: two files with the same digest hold the same rows.
    pub digest: [u8; 32],
    /// What does not hold in the backup, and so in the database: a backup is exact. Empty:
    /// everything holds.
    pub violations: Vec<Violation>,
}

impl BackupReport {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// Why there is no backup. The database is as it was, and so is what is at the path of the backup
/// (but see [`OpenError`] for the one failure after the backup has its name).
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database could not be read.
    #[error("the database could not be read")]
    Read(#[from] StoreError),
    /// A row could not be written to the copy.
    #[error("{path} could not be written")]
    Write {
        /// The path of the backup.
        path: PathBuf,
        /// The cause.
        source: StoreError,
    },
    /// The copy could not be created, opened again, or given its name.
    #[error("the backup was not made")]
    Create(#[from] OpenError),
    /// The copy was read again and does not hold what was written to it.
    #[error(
        "the copy for {path} is not what was read: {found_rows} rows with the digest {found}, \
         not {rows} with {expected}; look after the disk"
    )]
    Differs {
        /// The path of the backup.
        path: PathBuf,
        /// How many rows the database has.
        rows: u64,
        /// The digest of its rows.
        expected: String,
        /// How many rows the copy has.
        found_rows: u64,
        /// The digest of the copy.
        found: String,
    },
}

impl MigrationTracker {
    /// Makes a copy of the open database at `path`: the state of one instant, every row as it
    /// stands (damaged ones too), with everything that was acknowledged before the call. Others go
    /// on reading and writing meanwhile. **A copy of the file by other means, while it is open, is
    /// no backup**: it has pages of different instants.
    ///
    /// The copy is read again, checked page for page and row for row, and only then gets its name;
    /// the disk has it when this returns. A crash leaves no file at `path`, or the whole one. The
    /// file is a database like any other, with mode 0600: open it, or put it where a closed
    /// database was. See `docs/BACKUP.md` before you open a backup beside its original.
    ///
    /// One read transaction lasts as long as the copying: until it ends, the space that commits of
    /// others free is not used again, and the file grows by what they write. Looking at the
    /// invariants costs the whole file in memory, as [`Self::check`] does.
    ///
    /// ```
    /// # use shardferry::{MigrationTracker, NodeId, ShardId};
    /// # let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    ///
    /// let report = tracker.backup(folder.path().join("monday.redb"))?;
    /// assert!(report.violations.is_empty());
    ///
    /// let monday = MigrationTracker::open(&report.path)?;
    /// assert_eq!(monday.get_migration(id)?, tracker.get_migration(id)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BackupError`]; an [`OpenError::Exists`] in it when something is at `path` already.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport, BackupError> {
        self.backup_with(path, &mut |_| {})
    }

    /// As [`Self::backup`], and tells `progress` how far it is, now and then.
    ///
    /// # Errors
    /// As [`Self::backup`].
    pub fn backup_with(
        &self,
        path: impl AsRef<Path>,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<BackupReport, BackupError> {
        self.backup_on(&FileSystem, path.as_ref(), progress)
    }

    /// As [`Self::backup_with`], on `disk`.
    pub(crate) fn backup_on(
        &self,
        disk: &dyn Disk,
        path: &Path,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<BackupReport, BackupError> {
        disk.sweep(path);
        let options = OpenOptions::default();
        let copied = |tx: &mut dyn Tx| {
            let mut put = |table: TableId, key: &[u8], value: &[u8]| {
                tx.put(table, key, value)
                    .map_err(|source| BackupError::Write {
                        path: path.to_owned(),
                        source,
                    })
            };
            read_all(&self.store, BackupStage::Copying, &mut put, progress)
        };
        let (draft, read) = Draft::create(disk, path, &options, copied)?;

        let copy = Self::over(draft.open(&options)?, path)?;
        let nothing = &mut |_: TableId, _: &[u8], _: &[u8]| Ok(());
        let found = read_all(&copy.store, BackupStage::Verifying, nothing, progress)?;
        if found != read {
            return Err(BackupError::Differs {
                path: path.to_owned(),
                rows: read.rows(),
                expected: read.digest.to_string(),
                found_rows: found.rows(),
                found: found.digest.to_string(),
            });
        }
        let violations = copy.check()?.violations;
        drop(copy);
        draft.publish()?;
        Ok(report(path, &read, violations))
    }
}

/// What is shown each row: its table, key and value.
type Visit<'a> = dyn FnMut(TableId, &[u8], &[u8]) -> Result<(), BackupError> + 'a;

/// Shows every row to `visit` and sums up all of them, in one read transaction.
fn read_all(
    store: &Store,
    stage: BackupStage,
    visit: &mut Visit<'_>,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<Contents, BackupError> {
    store.read(|rows| {
        let mut rows_total = 0_u64;
        for table in TableId::ALL {
            rows_total = rows_total.saturating_add(rows.len(*table)?);
        }
        let mut seen = 0_u64;
        let mut notice = |rows| {
            progress(BackupProgress {
                stage,
                rows,
                rows_total,
            });
        };
        notice(0);
        let all = contents(rows, &mut |table, row| {
            seen = seen.saturating_add(1);
            if seen.is_multiple_of(NOTICE_ROWS) {
                notice(seen);
            }
            visit(table, &row.key, &row.value)
        })?;
        notice(seen);
        Ok(all)
    })
}

fn report(path: &Path, read: &Contents, violations: Vec<Violation>) -> BackupReport {
    let tables = read.tables.iter().map(|(table, rows)| TableRows {
        table: table.name(),
        rows: *rows,
    });
    BackupReport {
        path: path.to_owned(),
        tables: tables.collect(),
        bytes: read.bytes,
        digest: *read.digest.as_bytes(),
        violations,
    }
}
