//! Shards that are files and folders.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};

use crate::Result;
use crate::random::Random;

/// Files in one folder of a shard.
const FOLDER_FILES: u64 = 1_000;

/// What there is to move.
pub(super) struct Files {
    pub(super) shards: u64,
    /// `None`: a shard is a file.
    pub(super) files_per_shard: Option<u64>,
    pub(super) file_bytes: usize,
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shards, bytes) = (self.shards, self.file_bytes);
        match self.files_per_shard {
            None => write!(f, "{shards} files of {} MiB", bytes >> 20),
            Some(files) => write!(
                f,
                "{shards} folders of {files} files of {} KiB",
                bytes >> 10
            ),
        }
    }
}

impl Files {
    /// The names of the shards.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.shards).map(|shard| format!("shard-{shard}"))
    }

    /// How many files.
    pub(super) fn count(&self) -> u64 {
        self.shards * self.files_per_shard.unwrap_or(1)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.count() * self.file_bytes as u64
    }

    /// Creates all of them in `folder`.
    pub(super) fn create(&self, folder: &Path) -> Result<()> {
        let mut random = Random::new(1);
        for name in self.names() {
            let shard = folder.join(name);
            let Some(files) = self.files_per_shard else {
                self.file(&shard, &mut random)?;
                continue;
            };
            for at in 0..files {
                let inner = shard.join((at / FOLDER_FILES).to_string());
                if at % FOLDER_FILES == 0 {
                    fs::create_dir_all(&inner)?;
                }
                self.file(&inner.join(at.to_string()), &mut random)?;
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, random: &mut Random) -> Result<()> {
        let mut bytes = Vec::with_capacity(self.file_bytes + size_of::<u64>());
        while bytes.len() < self.file_bytes {
            bytes.extend(random.below(u64::MAX).to_le_bytes());
        }
        bytes.truncate(self.file_bytes);
        Ok(fs::write(path, bytes)?)
    }
}

/// The digests of the files in a folder, by their paths in it, as `b3sum` makes them.
pub(super) fn digests(folder: &Path) -> Result<BTreeMap<PathBuf, Hash>> {
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mut hasher = Hasher::new();
        hasher.update_mmap_rayon(entry.path())?;
        digests.insert(entry.file_name().into(), hasher.finalize());
    }
    Ok(digests)
}
