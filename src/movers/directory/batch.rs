//! What was written and is not yet safe.

use std::collections::BTreeSet;
use std::fs::File;

use super::error::Problem;
use super::relative::Relative;
use super::tree::Tree;
use super::{Tuning, advice};

/// Files and folders that wait for their fsync. They are synced together: the disk is asked to
/// write each file as soon as it is complete, so that at the end of a batch it has little left to
/// do, and the journal of the file system takes all of them in one or two commits.
#[derive(Debug)]
pub(super) struct Batch {
    tuning: Tuning,
    /// Kept open: an error of the disk in the background is told only to who had the file open.
    files: Vec<(Relative, File)>,
    bytes: u64,
    folders: BTreeSet<Relative>,
}

impl Batch {
    pub(super) fn new(tuning: Tuning) -> Self {
        Self {
            tuning,
            files: Vec::new(),
            bytes: 0,
            folders: BTreeSet::new(),
        }
    }

    /// A complete file of which `bytes` were written.
    pub(super) fn add_file(&mut self, at: Relative, file: File, bytes: u64) {
        advice::will_not_be_read(&file);
        self.files.push((at, file));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A folder in which something was created, or whose attributes were set.
    pub(super) fn add_folder(&mut self, at: Relative) {
        self.folders.insert(at);
    }

    /// Whether it is time to sync.
    pub(super) fn is_full(&self) -> bool {
        self.files.len() >= self.tuning.batch_files
            || self.folders.len() >= self.tuning.batch_folders
            || self.bytes >= self.tuning.batch_bytes
    }

    /// Syncs all of it. After a crash in the middle nothing of it counts.
    pub(super) fn sync(&mut self, tree: &Tree) -> Result<(), Problem> {
        for (at, file) in self.files.drain(..) {
            file.sync_all()
                .map_err(Problem::io("sync the file", || tree.path(&at)))?;
        }
        for at in std::mem::take(&mut self.folders) {
            let folder = tree.folder(&at)?;
            rustix::fs::fsync(&*folder)
                .map_err(Problem::io("sync the folder", || tree.path(&at)))?;
        }
        self.bytes = 0;
        Ok(())
    }
}
