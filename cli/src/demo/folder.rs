//! The demo's folder: made, found again, or cleared.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;

use super::build::{directory, remove};
use super::manifest::{self, Manifest};
use super::options::Demo;
use super::register::DATABASE;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;

fn unexpected(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Unexpected, error)
}

/// The manifest of the demo in its folder: an earlier one, or a new one without shards. Whether it
/// is an earlier one.
pub(super) fn find(args: &Demo) -> Result<(Manifest, bool), Failure> {
    let folder = args.dir.as_path();
    let size = args.size()?;
    if let Some(manifest) = Manifest::read(folder).map_err(unexpected)? {
        if !args.fresh && !manifest.clearing {
            args.agrees_with(manifest.size)?;
            return Ok((manifest, true));
        }
        clear(folder, manifest).map_err(unexpected)?;
    } else {
        create(folder)?;
    }
    let manifest = Manifest::new(size);
    manifest.write(folder).map_err(unexpected)?;
    Ok((manifest, false))
}

/// Nothing that is not ours is ever touched: the folder has to be new or empty.
fn create(folder: &Path) -> Result<(), Failure> {
    let shown = text::path(folder);
    let failed = |error: io::Error| {
        Failure::new(Exit::Usage, error)
            .context(format_args!("{shown} cannot be the folder of a demo"))
            .advise("choose another one with `--dir`")
    };
    fs::create_dir_all(folder).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name != manifest::TEMPORARY_NAME {
            let name = text::escaped(name.as_encoded_bytes());
            return Err(Failure::message(
                Exit::Refused,
                format_args!("{shown} is not empty ({name}), and no demo was built there"),
            )
            .advise("choose another folder with `--dir`"));
        }
    }
    Ok(())
}

/// Removes what a demo made. A crash in the middle is remembered in the manifest.
fn clear(folder: &Path, mut manifest: Manifest) -> anyhow::Result<()> {
    let database = folder.join(DATABASE);
    // The open database of a demo that runs right now must not be pulled from under it.
    if let Err(error @ shardferry::store::OpenError::Locked { .. }) =
        shardferry::MigrationTracker::open(&database)
    {
        return Err(error.into());
    }
    manifest.clearing = true;
    manifest.write(folder)?;
    let nodes = (1..=manifest.size.nodes).map(|node| directory(folder, node));
    for path in std::iter::once(database).chain(nodes) {
        remove(&path).with_context(|| format!("removing {} failed", path.display()))?;
    }
    Ok(())
}
