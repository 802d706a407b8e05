//! What was built: written before, during and after, so that every stage can be taken up again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::options::Size;

/// The file's name in the demo's folder.
pub(super) const NAME: &str = "demo.json";
/// Its name until it is whole.
pub(super) const TEMPORARY_NAME: &str = ".demo.json.new";

/// The record of a demo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of this record.
    pub(super) version: u32,
    /// Whether its things are being removed.
    pub(super) clearing: bool,
    pub(super) size: Size,
    /// The shards that are built, in their order.
    pub(super) shards: Vec<Built>,
}

/// A shard as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Built {
    pub(super) name: String,
    /// The number of the node that it was built on, from 1.
    pub(super) node: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// BLAKE3 over paths, lengths and contents, in hex.
    pub(super) digest: String,
}

impl Manifest {
    const VERSION: u32 = 1;

    pub(super) fn new(size: Size) -> Self {
        Self {
            version: Self::VERSION,
            clearing: false,
            size,
            shards: Vec::new(),
        }
    }

    /// The manifest in `folder`, if there is one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, anyhow::Error> {
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("reading {} failed", path.display()));
            }
        };
        let manifest: Self = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not the manifest of a demo", path.display()))?;
        anyhow::ensure!(
            manifest.version == Self::VERSION,
            "{} has version {}, and this program knows {}",
            path.display(),
            manifest.version,
            Self::VERSION
        );
        Ok(Some(manifest))
    }

    /// Writes it: after a crash there is the earlier one, or this.
    pub(super) fn write(&self, folder: &Path) -> Result<(), anyhow::Error> {
        let (path, temporary) = (folder.join(NAME), folder.join(TEMPORARY_NAME));
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(folder)?.sync_all()
        };
        write().with_context(|| format!("writing {} failed", path.display()))
    }
}
