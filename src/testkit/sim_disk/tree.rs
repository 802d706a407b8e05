use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::content::{Content, to_u64, to_usize};
use super::record::{Change, FileNumber};

/// Files and their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<FileNumber, Content>,
    pub(super) names: BTreeMap<PathBuf, FileNumber>,
}

impl Tree {
    pub(super) fn at(&self, path: &Path) -> Option<&Content> {
        self.files.get(self.names.get(path)?)
    }

    pub(super) fn file(&mut self, file: FileNumber) -> &mut Content {
        self.files.entry(file).or_default()
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Write { file, offset, data } => self.file(*file).write(*offset, data),
            Change::SetLen { file, len } => self.file(*file).set_len(*len),
            Change::Link { name, file } => {
                self.file(*file);
                self.names.insert(name.clone(), *file);
            }
            Change::Unlink { name } => {
                self.names.remove(name);
            }
            Change::SyncFile { .. } | Change::SyncFolder { .. } => {}
        }
    }

    /// As [`Self::apply`], where what is written past the end of the file is lost.
    pub(super) fn apply_within_len(&mut self, change: &Change) {
        if let Change::Write { file, offset, data } = change {
            let content = self.file(*file);
            let room = content.len().saturating_sub(*offset);
            let fits = to_usize(room.min(to_u64(data.len())));
            if let Some(data) = data.get(..fits).filter(|data| !data.is_empty()) {
                content.write(*offset, data);
            }
        } else {
            self.apply(change);
        }
    }

    /// Files without a name are gone after a crash.
    pub(super) fn drop_nameless(&mut self) {
        let names = &self.names;
        self.files
            .retain(|file, _| names.values().any(|named| named == file));
    }

    /// The same for the same names with the same bytes.
    pub(super) fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for (name, file) in &self.names {
            hasher.update(name.as_os_str().as_encoded_bytes());
            hasher.update(&[0]);
            if let Some(content) = self.files.get(file) {
                content.digest(&mut hasher);
            }
        }
        hasher.finalize()
    }
}
