//! Builds the nodes' directories and their shards. Each shard is built under a temporary name, and
//! is in the manifest once it is there: what the manifest lacks is built again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::ProgressBar;
use shardferry::executor::StopToken;

use super::content::{self, Content};
use super::digest::ShardDigest;
use super::manifest::{Built, Manifest};
use super::options::Size;

/// Written at once.
const CHUNK_BYTES: usize = 1024 * 1024;
/// How often the manifest is written: what it lacks after a crash is built again.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// What a scan takes for temporary.
const PREFIX: &str = ".shardferry-demo-";

/// The directory of a node, by its number from 1.
pub(super) fn directory(folder: &Path, node: u64) -> PathBuf {
    folder.join(format!("node-{node}"))
}

/// Builds what `manifest` lacks. `false`: asked to stop.
pub(super) fn build(
    folder: &Path,
    manifest: &mut Manifest,
    bar: &ProgressBar,
    stop: &StopToken,
) -> anyhow::Result<bool> {
    for node in 1..=manifest.size.nodes {
        let directory = directory(folder, node);
        fs::create_dir_all(&directory)
            .with_context(|| format!("creating {} failed", directory.display()))?;
    }
    let done = manifest.shards.len();
    let mut written_at = Instant::now();
    for content in content::all(manifest.size).skip(done) {
        let Some(built) = shard(folder, manifest.size, &content, bar, stop)? else {
            manifest.write(folder)?;
            return Ok(false);
        };
        manifest.shards.push(built);
        if written_at.elapsed() >= WRITE_EVERY {
            manifest.write(folder)?;
            written_at = Instant::now();
        }
    }
    manifest.write(folder)?;
    Ok(true)
}

fn shard(
    folder: &Path,
    size: Size,
    content: &Content,
    bar: &ProgressBar,
    stop: &StopToken,
) -> anyhow::Result<Option<Built>> {
    let directory = directory(folder, content.node);
    let path = directory.join(&content.name);
    let temporary = directory.join(format!("{PREFIX}{}", content.name));
    let failed = || format!("building {} failed", path.display());
    remove(&temporary).with_context(failed)?;
    remove(&path).with_context(failed)?;
    let mut digest = ShardDigest::default();
    for file in &content.files {
        let inner = match file.path.as_str() {
            "" => temporary.clone(),
            inner => temporary.join(inner),
        };
        if let Some(parent) = inner.parent() {
            fs::create_dir_all(parent).with_context(failed)?;
        }
        let source = content::bytes(size, content.at, &file.path);
        let written = write(&inner, file.bytes, source, bar, stop).with_context(failed)?;
        let Some(hash) = written else {
            remove(&temporary).with_context(failed)?;
            return Ok(None);
        };
        digest.file(file.path.as_bytes(), file.bytes, hash);
        let folders = inner.ancestors().skip(1);
        for folder in folders.take_while(|folder| folder.starts_with(&temporary)) {
            sync(folder).with_context(failed)?;
        }
    }
    fs::rename(&temporary, &path).with_context(failed)?;
    sync(&directory).with_context(failed)?;
    Ok(Some(Built {
        name: content.name.clone(),
        node: content.node,
        files: u64::try_from(content.files.len()).unwrap_or(u64::MAX),
        bytes: digest.bytes(),
        digest: digest.hex(),
    }))
}

fn write(
    path: &Path,
    bytes: u64,
    mut source: blake3::OutputReader,
    bar: &ProgressBar,
    stop: &StopToken,
) -> io::Result<Option<blake3::Hash>> {
    let mut file = File::create(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut hasher = blake3::Hasher::new();
    let mut left = bytes;
    while left > 0 {
        if stop.is_stopped() {
            return Ok(None);
        }
        let take = usize::try_from(left)
            .unwrap_or(CHUNK_BYTES)
            .min(CHUNK_BYTES);
        chunk.truncate(take);
        source.fill(&mut chunk);
        hasher.update(&chunk);
        file.write_all(&chunk)?;
        let written = u64::try_from(take).unwrap_or(left);
        left -= written;
        bar.inc(written);
    }
    file.sync_all()?;
    Ok(Some(hasher.finalize()))
}

/// Brings the entries of a folder to the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a file or a folder tree, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
