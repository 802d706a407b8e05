//! What a shard is, in 32 bytes: made when it is built, and again from the disk when all is done.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use shardferry::executor::StopToken;

/// Read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// The digest of a shard from those of its files.
#[derive(Debug, Default)]
pub(super) struct ShardDigest {
    files: BTreeMap<Vec<u8>, (u64, blake3::Hash)>,
}

impl ShardDigest {
    pub(super) fn file(&mut self, path: &[u8], bytes: u64, digest: blake3::Hash) {
        self.files.insert(path.to_vec(), (bytes, digest));
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|(bytes, _)| bytes).sum()
    }

    pub(super) fn hex(&self) -> String {
        let mut all = blake3::Hasher::new();
        for (path, (bytes, digest)) in &self.files {
            let len = u64::try_from(path.len()).unwrap_or(u64::MAX);
            all.update(&len.to_le_bytes()).update(path);
            all.update(&bytes.to_le_bytes()).update(digest.as_bytes());
        }
        all.finalize().to_hex().to_string()
    }
}

/// Reads the shard at `path` from the disk. `None`: asked to stop.
pub(super) fn of_disk(path: &Path, stop: &StopToken) -> anyhow::Result<Option<ShardDigest>> {
    let mut digest = ShardDigest::default();
    let mut waiting = vec![path.to_owned()];
    while let Some(next) = waiting.pop() {
        let failed = || format!("reading {} failed", next.display());
        let kind = fs::symlink_metadata(&next)
            .with_context(failed)?
            .file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(&next).with_context(failed)? {
                waiting.push(entry.with_context(failed)?.path());
            }
            continue;
        }
        anyhow::ensure!(
            kind.is_file(),
            "{} is neither file nor folder",
            next.display()
        );
        let inner = next.strip_prefix(path).unwrap_or(Path::new(""));
        let Some((bytes, hash)) = of_file(&next, stop).with_context(failed)? else {
            return Ok(None);
        };
        digest.file(inner.as_os_str().as_encoded_bytes(), bytes, hash);
    }
    Ok(Some(digest))
}

fn of_file(path: &Path, stop: &StopToken) -> std::io::Result<Option<(u64, blake3::Hash)>> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut hasher = blake3::Hasher::new();
    loop {
        if stop.is_stopped() {
            return Ok(None);
        }
        match file.read(&mut chunk)? {
            0 => return Ok(Some((hasher.count(), hasher.finalize()))),
            read => hasher.update(chunk.get(..read).unwrap_or_default()),
        };
    }
}
