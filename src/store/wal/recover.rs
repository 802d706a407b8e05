//! What an open does with a log.

use std::path::{Path, PathBuf};

use redb::Database;

use super::{
    BYTES_MAX, LockedFile, POSITIONS, Wal, log_at, not_needed, position, remove, set_position,
    wal_path,
};
use crate::schema::wal::{Frame, Header, LogId, PAGE_BYTES, Position, announced, open};
use crate::store::create::io_error;
use crate::store::disk::Disk;
use crate::store::health::Health;
use crate::store::redb_tx::RedbTx;
use crate::store::{Durability, OpenError, OpenOptions, StoreError, Tx as _};

/// What there is to do with the log of a database.
pub(in crate::store) struct Recovery {
    /// Where it is, or would be.
    path: PathBuf,
    named: Named,
}

/// What the database says of its log.
enum Named {
    /// It needs none. One that it names may be left over.
    Nothing { left_over: Option<LogId> },
    /// It needs one, which is good.
    Log(Log),
    /// It needs one that is not there or no good, and is to be opened without.
    Abandoned(Option<LogId>),
}

/// A log, whose frames the database has before the position.
struct Log {
    /// Nobody else has it open until it is read.
    _file: LockedFile,
    bytes: Vec<u8>,
    position: Position,
}

/// Looks at the log of `db`, the database at `path`. Changes nothing: a log that is not what it should be
/// refuses the file.
pub(in crate::store) fn look(
    disk: &dyn Disk,
    path: &Path,
    db: &Database,
    options: &OpenOptions,
) -> Result<Recovery, OpenError> {
    let wal = wal_path(path);
    let row = position(db).map_err(|source| failed(path, source))?;
    let position = row.as_deref().map(Position::from_bytes);
    let found = match position {
        None => Ok(Named::Nothing { left_over: None }),
        Some(None) => Err(Failure::Log(
            "is not known: the row that names it is damaged",
        )),
        Some(Some(Position { log, next: 0 })) => Ok(Named::Nothing {
            left_over: Some(log),
        }),
        Some(Some(position)) => Log::find(disk, &wal, position).map(Named::Log),
    };
    let named = match found {
        Err(Failure::Log(detail)) if options.abandon_wal => {
            tracing::warn!(log = %wal.display(), detail, "the write-ahead log is abandoned");
            Named::Abandoned(position.flatten().map(|position| position.log))
        }
        found => found.map_err(|failure| failure.of(path))?,
    };
    // A new one is to take its place.
    if options.durability == Durability::WriteAhead && disk.exists(&wal) {
        let known = match &named {
            Named::Log(_) => return Ok(Recovery { path: wal, named }),
            Named::Nothing { left_over } => *left_over,
            Named::Abandoned(log) => *log,
        };
        if known.is_none() || log_at(disk, &wal)? != known {
            return Err(Failure::Log(FOREIGN).of(path));
        }
    }
    Ok(Recovery { path: wal, named })
}

/// What has the name that a new log is to have.
const FOREIGN: &str = "is another file's, or no log: move it away";

/// A change in a frame that is whole.
const UNKNOWN: &str = "says what this version does not know";

impl Recovery {
    /// Makes the changes again that the log has and the database has not, removes that log, and gives the
    /// database a new one if `options` want that. A crash on the way leaves what another open brings to the
    /// same end.
    pub(in crate::store) fn finish(
        self,
        disk: &dyn Disk,
        path: &Path,
        db: &Database,
        options: &OpenOptions,
    ) -> Result<Option<Wal>, OpenError> {
        let is_wanted = options.durability == Durability::WriteAhead;
        let write = |log: Option<&Log>, position| write(db, path, log, position, is_wanted);
        let left_over = match self.named {
            Named::Nothing { left_over } => left_over,
            Named::Log(log) => {
                let left_over = log.position.log;
                write(Some(&log), Some(not_needed(left_over)))?;
                Some(left_over)
            }
            Named::Abandoned(log) => {
                write(None, log.map(not_needed))?;
                log
            }
        };
        if let Some(log) = left_over {
            match remove(disk, &self.path, log) {
                // Without a log of its own, the file needs nothing of what is there.
                Err(error) if !is_wanted => {
                    tracing::warn!(%error, "a log that nobody needs is left to the next open");
                }
                removed => removed?,
            }
        }
        if !is_wanted {
            return Ok(None);
        }
        if disk.exists(&self.path) {
            return Err(Failure::Log(FOREIGN).of(path));
        }
        let log = LogId(uuid::Uuid::now_v7().into_bytes());
        write(None, Some(not_needed(log)))?;
        let wal = Wal::create(disk, path, log, options.wal_bytes)?;
        write(None, Some(wal.position))?;
        Ok(Some(wal))
    }
}

impl Log {
    /// The log that a database needs.
    fn find(disk: &dyn Disk, path: &Path, position: Position) -> Result<Self, Failure> {
        let file = match disk.open(path) {
            Err(OpenError::NotFound { .. }) => return Err(Failure::Log("is not there")),
            file => LockedFile::new(file.map_err(Failure::Open)?, path).map_err(Failure::Open)?,
        };
        let len = file.0.len().map_err(io_error(path, "reading"))?;
        if len > BYTES_MAX {
            return Err(Failure::Log("is longer than any log"));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        let read = file.0.read(0, &mut bytes);
        read.map_err(io_error(path, "reading"))?;
        let log = Self {
            _file: file,
            bytes,
            position,
        };
        if log
            .frames()?
            .iter()
            .flat_map(Frame::changes)
            .any(|change| change.is_none())
        {
            return Err(Failure::Log(UNKNOWN));
        }
        Ok(log)
    }

    /// The frames that are not in the database, in their order; or what is wrong with the log.
    fn frames(&self) -> Result<Vec<Frame<'_>>, Failure> {
        let header = Header::from_bytes(&self.bytes);
        let header = header.ok_or(Failure::Log("is not a log of shardferry"))?;
        let (of, next) = (self.position.log, self.position.next);
        if header.log != of {
            return Err(Failure::Log(
                "is that of another database, or of another time",
            ));
        }
        if u64::try_from(self.bytes.len()) != Ok(header.bytes) {
            return Err(Failure::Log("has not the length that it had"));
        }
        let mut left = self.bytes.get(PAGE_BYTES..).unwrap_or_default();
        let mut frames: Vec<Frame<'_>> = Vec::new();
        let mut last = None;
        while let Some((frame, rest)) = open(left, of) {
            // What follows is from an earlier lap.
            if last.is_some_and(|last: u64| last.checked_add(1) != Some(frame.number)) {
                break;
            }
            last = Some(frame.number);
            left = rest;
            if frame.number >= next {
                frames.push(frame);
            }
        }
        // The next was torn by a crash, or never written. Then none after it was.
        let is_first = frames.first().is_none_or(|frame| frame.number == next);
        let newest = last.map_or(next, |last| next.max(last.saturating_add(1)));
        if !is_first || has_frame_from(left, of, newest) {
            return Err(Failure::Log(
                "has lost a part of what it held, or the database is older than it",
            ));
        }
        Ok(frames)
    }
}

/// Whether there is a whole frame with this number or a later one, wherever it is.
fn has_frame_from(pages: &[u8], of: LogId, number: u64) -> bool {
    // Each is looked at once. More that say they are there than fit were not written by us.
    let mut budget = pages.len().saturating_mul(4);
    for at in (0..pages.len()).step_by(PAGE_BYTES) {
        let page = pages.get(at..).unwrap_or_default();
        let Some((_, bytes)) = announced(page, of).filter(|(found, _)| *found >= number) else {
            continue;
        };
        let Some(left) = budget.checked_sub(bytes.min(page.len())) else {
            return true;
        };
        budget = left;
        if open(page, of).is_some() {
            return true;
        }
    }
    false
}

/// Why a log is of no use.
enum Failure {
    Open(OpenError),
    /// It is not the log that it should be.
    Log(&'static str),
}

impl Failure {
    /// What that means for the database at `path`.
    fn of(self, path: &Path) -> OpenError {
        match self {
            Self::Open(error) => error,
            Self::Log(detail) => OpenError::WriteAheadLog {
                path: path.to_owned(),
                log: wal_path(path),
                detail,
            },
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

fn failed(path: &Path, source: StoreError) -> OpenError {
    OpenError::Store {
        path: path.to_owned(),
        source,
    }
}

/// Makes what `log` has and the database has not, and says of the log what `position` does, in one
/// transaction.
fn write(
    db: &Database,
    path: &Path,
    log: Option<&Log>,
    position: Option<Position>,
    is_restart_fast: bool,
) -> Result<(), OpenError> {
    let store = |source| failed(path, source);
    let storage = |error| store(StoreError::storage("making again what the log had", error));
    let mut txn = db
        .begin_write()
        .map_err(|error| storage(redb::Error::from(error)))?;
    txn.set_quick_repair(is_restart_fast);
    if let Some(log) = log {
        let frames = log.frames().map_err(|failure| failure.of(path))?;
        let health = Health::default();
        let mut tx = RedbTx::new(&txn, &health);
        for change in frames.iter().flat_map(Frame::changes) {
            let change = change.ok_or_else(|| Failure::Log(UNKNOWN).of(path))?;
            let made = match change.value {
                Some(value) => tx.put(change.table, change.key, value),
                None => tx.delete(change.table, change.key),
            };
            made.map_err(store)?;
        }
        let commits = frames.len();
        tracing::info!(commits, "made again what the write-ahead log had");
    }
    match position {
        Some(position) => set_position(&txn, position).map_err(storage)?,
        None => {
            let deleted = txn.delete_table(POSITIONS);
            deleted.map_err(|error| storage(error.into()))?;
        }
    }
    txn.commit().map_err(|error| storage(error.into()))
}
