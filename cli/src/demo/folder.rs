//! The demo's folder: made, found again, or cleared.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use anyhow::Context as _;
use shardferry::MigrationTracker;
use shardferry::store::{OpenError, ballast_path};

use super::build::{directory, remove};
use super::manifest::{self, Manifest};
use super::options::Demo;
use super::register::DATABASE;
use crate::control;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;

fn unexpected(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Unexpected, error)
}

/// The demo in its folder.
#[derive(Debug)]
pub(super) struct Found {
    /// An earlier manifest, or a new one without shards.
    pub(super) manifest: Manifest,
    /// Whether it is an earlier one.
    pub(super) earlier: bool,
    /// Keeps a second demo out while this one builds.
    _lock: File,
}

/// Finds what an earlier run left, or makes room for a new demo.
pub(super) fn find(args: &Demo) -> Result<Found, Failure> {
    let folder = args.dir.as_path();
    let size = args.size()?;
    if Manifest::read(folder).map_err(unexpected)?.is_none() {
        create(folder)?;
    }
    let _lock = lock(folder)?;
    if let Some(manifest) = Manifest::read(folder).map_err(unexpected)? {
        if !args.fresh && !manifest.clearing {
            args.agrees_with(manifest.size)?;
            return Ok(Found {
                manifest,
                earlier: true,
                _lock,
            });
        }
        clear(folder, manifest)?;
    }
    let manifest = Manifest::new(size);
    manifest.write(folder).map_err(unexpected)?;
    Ok(Found {
        manifest,
        earlier: false,
        _lock,
    })
}

fn lock(folder: &Path) -> Result<File, Failure> {
    let shown = text::path(folder);
    let opened = File::open(folder).map_err(|error| unexpected(error.into()))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => Err(Failure::message(
            Exit::Database,
            format_args!("another demo is at work in {shown}"),
        )
        .advise("wait for its end, or choose another folder with `--dir`")),
        Err(TryLockError::Error(error)) => {
            Err(unexpected(error.into()).context(format_args!("locking {shown} failed")))
        }
    }
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
fn clear(folder: &Path, mut manifest: Manifest) -> Result<(), Failure> {
    let database = folder.join(DATABASE);
    // Another command may be at work with the database.
    if let Err(error @ OpenError::Locked { .. }) = MigrationTracker::open(&database) {
        return Err(error.into());
    }
    manifest.clearing = true;
    manifest.write(folder).map_err(unexpected)?;
    let nodes = (1..=manifest.size.nodes).map(|node| directory(folder, node));
    let beside = [ballast_path(&database), control::socket_path(&database)];
    for path in [database].into_iter().chain(beside).chain(nodes) {
        remove(&path)
            .with_context(|| format!("removing {} failed", path.display()))
            .map_err(unexpected)?;
    }
    Ok(())
}
