use std::path::Path;

use shardferry::store::{OpenError, OpenOptions};
use shardferry::{MigrationTracker, Settings, Verification};

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

/// Opens the database at `path`, for a command that changes no row of it: no ballast is made beside
/// it. One that is there stays.
pub(crate) fn open_to_look(path: &Path) -> Result<MigrationTracker, Failure> {
    Ok(MigrationTracker::open(path)?)
}

/// Opens the database at `path`.
pub(crate) fn open(path: &Path) -> Result<MigrationTracker, Failure> {
    Ok(open_if_there(path)?)
}

/// As [`open`], for a caller who knows what to do when there is none.
pub(crate) fn open_if_there(path: &Path) -> Result<MigrationTracker, OpenError> {
    MigrationTracker::open_with(path, &options())
}

/// Creates a database that demands a verification before each cutover, and keeps a reserve.
pub(crate) fn create(path: &Path) -> Result<MigrationTracker, Failure> {
    MigrationTracker::create_with(path, &options(), &settings()).map_err(|error| {
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
