//! Every byte, once more, from the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use indicatif::ProgressBar;
use shardferry::executor::StopToken;
use shardferry::movers::directory::MARK_NAME;
use shardferry::store::Snapshot;

use super::build::directory;
use super::digest;
use super::manifest::Manifest;
use crate::text;

/// What was found on the disk.
#[derive(Debug, Default)]
pub(super) struct Verified {
    pub(super) shards: usize,
    pub(super) bytes: u64,
    /// What is not as it was built, or not where it belongs.
    pub(super) wrong: Vec<String>,
}

/// Reads every shard at its owner and compares it with what was built; nothing else may be in the
/// nodes' directories. `None`: asked to stop.
pub(super) fn verify(
    folder: &Path,
    manifest: &Manifest,
    snapshot: &Snapshot,
    bar: &ProgressBar,
    stop: &StopToken,
) -> anyhow::Result<Option<Verified>> {
    let mut found = Verified::default();
    let owners = snapshot.shards.iter();
    let owners: BTreeMap<&[u8], u64> = owners
        .map(|shard| (shard.name.as_bytes(), shard.owner.0))
        .collect();
    let mut places = entries(folder, manifest)?;
    for built in &manifest.shards {
        let name = built.name.as_bytes();
        let owner = owners.get(name);
        let Some(&owner) = owner else {
            found
                .wrong
                .push(format!("{} is not registered", built.name));
            continue;
        };
        let nodes = places.remove(name).unwrap_or_default();
        if nodes != [owner] {
            found.wrong.push(format!(
                "{} belongs to node {owner} and is on {nodes:?}",
                built.name
            ));
            continue;
        }
        let path = directory(folder, owner).join(&built.name);
        let Some(digest) = digest::of_disk(&path, stop)? else {
            return Ok(None);
        };
        if digest.hex() != built.digest {
            found
                .wrong
                .push(format!("{} is not what was built", path.display()));
        }
        found.shards += 1;
        found.bytes = found.bytes.saturating_add(digest.bytes());
        bar.inc(digest.bytes());
    }
    for (name, nodes) in places {
        let name = text::escaped(&name);
        found
            .wrong
            .push(format!("{name} is on {nodes:?} and was never built"));
    }
    Ok(Some(found))
}

/// Every entry, and the nodes that have it.
fn entries(folder: &Path, manifest: &Manifest) -> anyhow::Result<BTreeMap<Vec<u8>, Vec<u64>>> {
    let mut entries: BTreeMap<Vec<u8>, Vec<u64>> = BTreeMap::new();
    for node in 1..=manifest.size.nodes {
        let directory = directory(folder, node);
        let failed = || format!("reading {} failed", directory.display());
        for entry in fs::read_dir(&directory).with_context(failed)? {
            let name = entry.with_context(failed)?.file_name();
            if name == MARK_NAME {
                continue;
            }
            entries
                .entry(name.into_encoded_bytes())
                .or_default()
                .push(node);
        }
    }
    Ok(entries)
}
