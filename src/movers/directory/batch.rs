//! What was written and is not yet safe.

use std::collections::BTreeSet;
use std::fs::File;

use super::error::Problem;
use super::node::Node;
use super::relative::Relative;
use super::tree::Tree;
use super::{Tuning, advice};

/// Files and folders that wait until they are safe.
///
/// Few of them are synced one by one. Many are synced together with their whole file system, where
/// that is [as good](super::together::is_enough): the files of a folder then lie side by side on the
/// disk, which is asked once to make them last, where a sync of each asks it once for each.
#[derive(Debug)]
pub(super) struct Batch {
    tuning: Tuning,
    /// Whether a sync of the file system is as good as one of each file.
    together: bool,
    /// Those that are synced one by one. Kept open: an error of the disk in the background is told
    /// only to who had the file open, or its file system.
    files: Vec<(Relative, File)>,
    /// Files that are synced with their file system.
    closed: usize,
    bytes: u64,
    folders: BTreeSet<Relative>,
}

impl Batch {
    pub(super) fn new(tuning: Tuning, together: bool) -> Self {
        Self {
            tuning,
            together,
            files: Vec::new(),
            closed: 0,
            bytes: 0,
            folders: BTreeSet::new(),
        }
    }

    /// A complete file of which `bytes` were written.
    pub(super) fn add_file(&mut self, at: Relative, file: File, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        if !self.together || bytes >= self.tuning.begin_bytes {
            advice::will_not_be_read(&file);
        }
        self.files.push((at, file));
        if self.is_for_the_file_system() {
            self.closed = self.closed.saturating_add(self.files.len());
            self.files.clear();
        }
    }

    /// A folder in which something was created, or whose attributes were set.
    pub(super) fn add_folder(&mut self, at: Relative) {
        self.folders.insert(at);
    }

    /// Whether it is time to sync.
    pub(super) fn is_full(&self) -> bool {
        let (files_max, folders_max) = match self.together {
            true => (self.tuning.together_max, self.tuning.together_max),
            false => (self.tuning.batch_files, self.tuning.batch_folders),
        };
        self.closed.saturating_add(self.files.len()) >= files_max
            || self.folders.len() >= folders_max
            || self.bytes >= self.tuning.batch_bytes
    }

    fn is_for_the_file_system(&self) -> bool {
        let few = self.tuning.one_by_one_max;
        self.together && (self.closed > 0 || self.files.len() > few || self.folders.len() > few)
    }

    /// Syncs all of it. After a crash in the middle nothing of it counts.
    ///
    /// `node` was opened before anything of it was written, so it is told of every error of the disk
    /// since.
    pub(super) fn sync(&mut self, tree: &Tree, node: &Node) -> Result<(), Problem> {
        if self.is_for_the_file_system() {
            node.sync_file_system()?;
            self.files.clear();
            self.folders.clear();
            self.closed = 0;
        }
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
