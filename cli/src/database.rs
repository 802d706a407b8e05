use std::path::Path;

use shardferry::store::OpenOptions;
use shardferry::{MigrationTracker, Settings, Verification};

use crate::failure::Failure;

/// Opens the database at `path`.
pub(crate) fn open(path: &Path) -> Result<MigrationTracker, Failure> {
    Ok(MigrationTracker::open(path)?)
}

/// Creates a database that demands a verification before each cutover.
pub(crate) fn create(path: &Path) -> Result<MigrationTracker, Failure> {
    Ok(MigrationTracker::create_with(
        path,
        &OpenOptions::default(),
        &settings(),
    )?)
}

/// The settings of a new database.
pub(crate) fn settings() -> Settings {
    Settings {
        verification: Verification::Required,
        ..Settings::default()
    }
}
