use std::path::Path;

use crate::schema::table::TableId;
use crate::store::{
    FileSystem, Formats, OpenError, OpenOptions, Row, Step, StoreError, Tx, rewrite,
};
use crate::tracker::MigrationTracker;

use super::SimDisk;

/// A version of this library that is still to come and knows more formats: to test what an upgrade
/// does to a file, and what a crash in the middle of one leaves.
///
/// Format 2 is format 1 with the bytes of every value in reverse, format 3 reverses them again:
/// each upgrade changes every row, and the tracker can read the third format as it reads the
/// first. They exist in tests only.
///
/// ```
/// use shardferry::MigrationTracker;
/// use shardferry::store::OpenError;
/// use shardferry::testkit::LaterVersion;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("shards.redb");
/// drop(MigrationTracker::create(&path)?);
/// drop(LaterVersion::of_format_3().open(&path)?);
///
/// let error = MigrationTracker::open(&path).unwrap_err();
/// assert!(matches!(error, OpenError::NewerFormat { found: 3, known: 1, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LaterVersion {
    formats: Formats,
}

impl LaterVersion {
    /// Knows formats 1 and 2.
    #[must_use]
    pub const fn of_format_2() -> Self {
        const STEPS: &[Step] = &[reverse];
        Self {
            formats: Formats::new(STEPS),
        }
    }

    /// Knows formats 1, 2 and 3.
    #[must_use]
    pub const fn of_format_3() -> Self {
        const STEPS: &[Step] = &[reverse, reverse];
        Self {
            formats: Formats::new(STEPS),
        }
    }

    /// Knows formats 1, 2 and 3, and fails at the last one after it has written.
    #[must_use]
    pub const fn with_a_fault() -> Self {
        const STEPS: &[Step] = &[reverse, reverse_and_fail];
        Self {
            formats: Formats::new(STEPS),
        }
    }

    /// Opens the file at `path` as that version would, and upgrades it in one transaction. A crash
    /// leaves the old format or the newest one.
    ///
    /// # Errors
    /// As [`MigrationTracker::open`].
    pub fn open(&self, path: &Path) -> Result<MigrationTracker, OpenError> {
        MigrationTracker::open_as(&FileSystem, path, &OpenOptions::default(), self.formats)
    }

    /// As [`Self::open`], the tracker's file of a simulated disk.
    ///
    /// # Errors
    /// As [`MigrationTracker::open_with`].
    pub fn open_on(
        &self,
        disk: &SimDisk,
        options: &OpenOptions,
    ) -> Result<MigrationTracker, OpenError> {
        disk.open_as(options, self.formats)
    }
}

/// The bytes of every value in reverse. The row that says what the file is stays readable.
fn reverse(tx: &mut dyn Tx) -> Result<(), StoreError> {
    for table in TableId::ALL {
        if *table != TableId::Meta {
            rewrite(tx, *table, |Row { mut value, .. }| {
                value.reverse();
                Ok(value)
            })?;
        }
    }
    Ok(())
}

fn reverse_and_fail(tx: &mut dyn Tx) -> Result<(), StoreError> {
    reverse(tx)?;
    Err(StoreError::inconsistent(
        TableId::Events,
        &[],
        "this step fails",
    ))
}
