//! The write-ahead log of an open file: what the disk has of the commits that redb makes without
//! waiting for it.
//!
//! A commit that somebody waits for is one write to one place and one `fdatasync`, instead of redb's
//! pages, which lie in many. Only then is it made in redb: whoever reads sees nothing that a crash could
//! take back. When the log is full, and when the file is closed, redb's own commit brings everything to
//! the disk (a checkpoint), and the log begins anew. Each opening has a log of its own. After a crash the file is as of the last checkpoint,
//! and an open ([`recover`]) makes the changes in the log again, in their order.

mod recover;

pub(super) use recover::look;

use std::ffi::OsString;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::{BackendError, ReadableDatabase as _, TableError, WriteTransaction};

use super::create::io_error;
use super::disk::{Disk, StorageBackend};
use super::{OpenError, StoreError};
use crate::schema::wal::{Changes, Header, LogId, PAGE_BYTES, POSITION, Position, TABLE, seal};

/// The end of the name of a log.
const SUFFIX: &str = ".wal";

const PAGE_BYTES_U64: u64 = PAGE_BYTES as u64;

/// The shortest log: its first page, and some frames.
const BYTES_MIN: u64 = 16 * PAGE_BYTES_U64;

/// The longest: an open reads all of it.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A new log is filled in pieces of this size.
const FILL_BYTES: usize = 1024 * 1024;

/// The row that says where the log is. Bytes to bytes, as every table.
const POSITIONS: redb::TableDefinition<'static, &'static [u8], &'static [u8]> =
    redb::TableDefinition::new(TABLE);

/// Where the write-ahead log of the database at `path` is: beside it, its name and `.wal`. It is there while
/// the database is open with [`Durability::WriteAhead`](super::Durability::WriteAhead), and after a crash.
///
/// ```
/// use shardferry::store::{Durability, OpenOptions, wal_path};
/// use shardferry::{MigrationTracker, NodeId, Settings, ShardId};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("shards.redb");
/// let options = OpenOptions { durability: Durability::WriteAhead, ..OpenOptions::default() };
/// let tracker = MigrationTracker::create_with(&path, &options, &Settings::default())?;
/// let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
/// assert!(wal_path(&path).exists());
/// drop(tracker);
///
/// // A file that was closed needs no log, and opens with any durability.
/// assert!(!wal_path(&path).exists());
/// assert!(MigrationTracker::open(&path)?.get_migration(id)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn wal_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(SUFFIX);
    path.with_file_name(name)
}

/// How a commit gets to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Some time later.
    Later,
    /// The log has it before redb does.
    Logged,
    /// redb waits for the disk.
    Direct,
}

/// A log, and what is to go into it.
pub(super) struct Wal {
    disk: Box<dyn Disk>,
    path: PathBuf,
    file: LockedFile,
    bytes: u64,
    /// Its next frame.
    position: Position,
    /// Where that goes.
    at: u64,
    /// What redb has and no frame.
    pending: Changes,
}

impl Wal {
    /// A new log for the database at `database`, all of it on the disk: what is written over is synced
    /// faster than what is new. The database knows it by name, and does not need it yet.
    fn create(disk: &dyn Disk, database: &Path, log: LogId, bytes: u64) -> Result<Self, OpenError> {
        let path = wal_path(database);
        let failed = |doing| io_error(&path, doing);
        let bytes = bytes
            .clamp(BYTES_MIN, BYTES_MAX)
            .next_multiple_of(PAGE_BYTES_U64);
        let temporary = disk
            .create_temporary(database)
            .map_err(failed("creating"))?;
        let file = temporary.backend().map_err(failed("creating"))?;
        // While it has no name of its own, a sweep takes what is not locked for a left-over.
        let file = LockedFile::new(file, &path)?;
        fill(&*file.0, log, bytes).map_err(failed("writing"))?;
        drop(file);
        temporary.sync().map_err(failed("syncing"))?;
        temporary.publish(&path).map_err(failed("naming"))?;
        disk.sync_folder(&path)
            .map_err(failed("syncing the folder of"))?;
        Ok(Self {
            disk: disk.again(),
            file: LockedFile::new(disk.open(&path)?, &path)?,
            path,
            bytes,
            position: Position { log, next: 1 },
            at: PAGE_BYTES_U64,
            pending: Changes::default(),
        })
    }

    /// Takes what a commit changes; which way that goes, whether somebody waits for it or not.
    pub(super) fn take(&mut self, changes: Changes, is_awaited: bool) -> Way {
        self.pending.append(changes);
        if self.at.saturating_add(self.frame_bytes()) > self.bytes {
            return Way::Direct;
        }
        if is_awaited { Way::Logged } else { Way::Later }
    }

    /// Says in a commit that goes this way which frames the database then has. So it does not matter when
    /// redb brings that to the disk.
    pub(super) fn note(&self, txn: &WriteTransaction, way: Way) -> Result<(), redb::Error> {
        let Position { log, next } = self.position;
        match way {
            Way::Later => Ok(()),
            Way::Logged if self.pending.is_empty() => Ok(()),
            Way::Logged => {
                let next = next + 1;
                set_position(txn, Position { log, next })
            }
            Way::Direct => set_position(txn, self.position),
        }
    }

    /// Brings everything that it took to the disk, in one frame. After an error the disk may have it all
    /// the same, and no other frame may follow it.
    pub(super) fn append(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let Position { log, next } = self.position;
        let file = &self.file.0;
        file.write(self.at, &seal(log, next, &self.pending))?;
        file.sync_data()?;
        self.at += self.frame_bytes();
        self.position.next += 1;
        self.pending.clear();
        Ok(())
    }

    /// The disk has everything without it.
    pub(super) fn begin_anew(&mut self) {
        self.at = PAGE_BYTES_U64;
        self.pending.clear();
    }

    /// Says in the last commit that the database needs no log.
    pub(super) fn give_up(&self, txn: &WriteTransaction) -> Result<(), redb::Error> {
        set_position(txn, not_needed(self.position.log))
    }

    /// Removes the file, which the database does not need any more.
    pub(super) fn remove(self) {
        let Self {
            disk,
            path,
            file,
            position,
            ..
        } = self;
        drop(file);
        if let Err(error) = remove(&*disk, &path, position.log) {
            tracing::warn!(%error, "a log that nobody needs is left to the next open");
        }
    }

    fn frame_bytes(&self) -> u64 {
        u64::try_from(self.pending.frame_bytes()).unwrap_or(u64::MAX)
    }
}

/// A file that nobody else has open.
#[derive(Debug)]
struct LockedFile(Box<dyn StorageBackend>);

impl LockedFile {
    fn new(file: Box<dyn StorageBackend>, path: &Path) -> Result<Self, OpenError> {
        match file.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
            // Where there are no locks, the database is not locked either.
            Ok(true) | Err(BackendError::Unsupported) => Ok(Self(file)),
            Ok(false) => Err(OpenError::Locked {
                path: path.to_owned(),
            }),
            Err(BackendError::Io(source)) => Err(io_error(path, "locking")(source)),
            Err(error) => Err(io_error(path, "locking")(io::Error::other(error))),
        }
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // By hand: while another thread starts a program, the end of the handle would not end the lock.
        if let Err(error) = self.0.close() {
            tracing::debug!(%error, "the lock of a log ends with its handle");
        }
    }
}

/// That a database has no need of this log.
const fn not_needed(log: LogId) -> Position {
    Position { log, next: 0 }
}

/// Removes this log, durably, if it is what is at `path`: anything else there is somebody's.
fn remove(disk: &dyn Disk, path: &Path, log: LogId) -> Result<(), OpenError> {
    if !disk.exists(path) || log_at(disk, path)? != Some(log) {
        return Ok(());
    }
    disk.remove(path).map_err(io_error(path, "removing"))?;
    disk.sync_folder(path)
        .map_err(io_error(path, "syncing the folder of"))
}

/// Which log a file is. `None`: it is none.
fn log_at(disk: &dyn Disk, path: &Path) -> Result<Option<LogId>, OpenError> {
    let file = LockedFile::new(disk.open(path)?, path)?;
    let page = file.0.len().and_then(|len| {
        let mut page = vec![0; PAGE_BYTES.min(usize::try_from(len).unwrap_or(PAGE_BYTES))];
        file.0.read(0, &mut page)?;
        Ok(page)
    });
    let page = page.map_err(io_error(path, "reading"))?;
    Ok(Header::from_bytes(&page).map(|header| header.log))
}

fn fill(file: &dyn StorageBackend, log: LogId, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)?;
    let mut page = Header { log, bytes }.to_bytes();
    page.resize(PAGE_BYTES, 0);
    file.write(0, &page)?;
    let zeros = vec![0; FILL_BYTES];
    let mut at = PAGE_BYTES_U64;
    while at < bytes {
        let left = usize::try_from(bytes - at).unwrap_or(FILL_BYTES);
        let piece = zeros.get(..left).unwrap_or(&zeros);
        file.write(at, piece)?;
        at += u64::try_from(piece.len()).map_err(io::Error::other)?;
    }
    Ok(())
}

/// The row that says where the log of a database is. `None`: it has none.
fn position(db: &redb::Database) -> Result<Option<Vec<u8>>, StoreError> {
    let read = db
        .begin_read()
        .map_err(|error| StoreError::storage("beginning to read", error))?;
    let table = match read.open_table(POSITIONS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table.map_err(|error| StoreError::storage("opening a table", error))?,
    };
    let row = table
        .get(POSITION)
        .map_err(|error| StoreError::storage("reading a row", error))?;
    Ok(row.map(|row| row.value().to_vec()))
}

fn set_position(txn: &WriteTransaction, position: Position) -> Result<(), redb::Error> {
    let mut table = txn.open_table(POSITIONS)?;
    table.insert(POSITION, position.to_bytes().as_slice())?;
    Ok(())
}
