//! Where the databases of the targets lie.

use std::path::{Path, PathBuf};

use shardferry::MigrationTracker;
use tempfile::TempDir;

/// A database file in a folder of its own; both go with it. In memory where the system offers
/// that: no fsync of a disk, and no wear.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A folder without a file.
    #[must_use]
    pub fn empty() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = match tempfile::Builder::new().prefix("fuzz-").tempdir_in(memory) {
            Ok(folder) => folder,
            Err(_) => tempfile::tempdir().expect("a temporary folder"),
        };
        Self { folder }
    }

    /// A folder with a file of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let disk = Self::empty();
        disk.write(bytes);
        disk
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("shards.redb")
    }

    /// The bytes of the file, also while a tracker has it open: what a kill would leave.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        std::fs::read(self.path()).expect("the file is there")
    }

    /// Puts these bytes in place of the file.
    pub fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).expect("room for the file");
    }

    /// Opens the file, which has to be good.
    #[must_use]
    pub fn open(&self) -> MigrationTracker {
        MigrationTracker::open(self.path()).unwrap_or_else(|error| panic!("{error:?}"))
    }
}
