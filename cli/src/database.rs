use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use shardferry::store::{OpenError, OpenOptions};
use shardferry::{MigrationTracker, Settings, Verification};

use crate::control::{self, Served};
use crate::failure::Failure;

/// Room for the ends of some thousand migrations when the disk is full (docs/FULL_DISK.md).
const BALLAST_BYTES: u64 = 4 * 1024 * 1024;

/// With less than this free beside a new database, nothing begins. More than the ballast, so that
/// it can be made again as well.
const FREE_BYTES_MIN: u64 = 16 * 1024 * 1024;

fn options() -> OpenOptions {
    OpenOptions {
        ballast_bytes: BALLAST_BYTES,
        ..OpenOptions::default()
    }
}

/// An open database: that of this process, or, where it answers another one, the one it has open.
#[derive(Debug)]
pub(crate) struct Database {
    // Dropped first: whoever is being answered works on the tracker.
    _served: Option<Served>,
    tracker: Arc<MigrationTracker>,
}

impl Database {
    fn own(tracker: MigrationTracker) -> Self {
        Self::shared(Arc::new(tracker))
    }

    fn shared(tracker: Arc<MigrationTracker>) -> Self {
        Self {
            _served: None,
            tracker,
        }
    }

    /// This, answering other processes as long as it is open.
    pub(crate) fn serving(self, path: &Path) -> Self {
        Self {
            _served: control::serve(path, &self.tracker),
            tracker: self.tracker,
        }
    }
}

impl Deref for Database {
    type Target = MigrationTracker;

    fn deref(&self) -> &MigrationTracker {
        &self.tracker
    }
}

/// Opens the database at `path`, for a command that changes no row of it: no ballast is made beside
/// it. One that is there stays.
pub(crate) fn open_to_look(path: &Path) -> Result<Database, Failure> {
    if let Some(tracker) = control::shared() {
        return Ok(Database::shared(tracker));
    }
    Ok(Database::own(MigrationTracker::open(path)?))
}

/// Opens the database at `path`.
pub(crate) fn open(path: &Path) -> Result<Database, Failure> {
    Ok(open_if_there(path)?)
}

/// Opens the database at `path` for a command that works for long: meanwhile it answers others.
pub(crate) fn open_to_work(path: &Path) -> Result<Database, Failure> {
    Ok(open(path)?.serving(path))
}

/// As [`open`], for a caller who knows what to do when there is none.
pub(crate) fn open_if_there(path: &Path) -> Result<Database, OpenError> {
    if let Some(tracker) = control::shared() {
        return Ok(Database::shared(tracker));
    }
    MigrationTracker::open_with(path, &options()).map(Database::own)
}

/// Creates a database that demands a verification before each cutover, and keeps a reserve.
pub(crate) fn create(path: &Path) -> Result<Database, Failure> {
    let created = MigrationTracker::create_with(path, &options(), &settings());
    created.map(Database::own).map_err(|error| {
        let is_other = matches!(error, OpenError::Exists { .. }) && !is_file(path);
        let failure = Failure::from(error);
        if is_other {
            failure.advise("what is there is no database; `--db PATH` names another place")
        } else {
            failure
        }
    })
}

/// The settings of a new database.
pub(crate) fn settings() -> Settings {
    Settings {
        verification: Verification::Required,
        free_bytes_min: FREE_BYTES_MIN,
        ..Settings::default()
    }
}

fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}
