//! Creation that a crash leaves undone or done: built under a temporary name, linked into place.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;

use super::open::builder;
use super::redb_tx::RedbTx;
use super::rows::put;
use super::{OpenError, OpenOptions, Store, StoreError};
use crate::schema::key::{MetaKey, SettingsKey};
use crate::schema::table::{META, SETTINGS, TableId};
use crate::schema::v1::{FileMeta, Settings};

/// The end of the name of a file that is being created.
const SUFFIX: &str = ".creating";

/// How often creation starts again when its temporary file was swept away as if it were left over.
const TRIES: usize = 8;

impl Store {
    /// Creates the file at `path`. After a crash there is no file, or a good one.
    pub(crate) fn create(
        path: &Path,
        options: &OpenOptions,
        meta: &FileMeta,
        settings: &Settings,
    ) -> Result<(), OpenError> {
        let folder = folder_of(path);
        if fs::symlink_metadata(path).is_ok() {
            return Err(OpenError::Exists {
                path: path.to_owned(),
            });
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match create_once(path, &folder, options, meta, settings) {
                Err(OpenError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound
                        && folder.is_dir()
                        && tries < TRIES => {}
                outcome => return outcome,
            }
        }
    }
}

fn create_once(
    path: &Path,
    folder: &Path,
    options: &OpenOptions,
    meta: &FileMeta,
    settings: &Settings,
) -> Result<(), OpenError> {
    let io_error = |doing| {
        move |source| OpenError::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    };
    let temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .suffix(SUFFIX)
        .tempfile_in(folder)
        .map_err(io_error("creating"))?;
    let file = temporary.reopen().map_err(io_error("creating"))?;
    fill(file, options, meta, settings).map_err(|source| OpenError::Store {
        path: path.to_owned(),
        source,
    })?;
    temporary
        .as_file()
        .sync_all()
        .map_err(io_error("syncing"))?;
    temporary.persist_noclobber(path).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            let path = path.to_owned();
            OpenError::Exists { path }
        } else {
            io_error("naming")(error.error)
        }
    })?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("syncing the folder of"))
}

/// Every table, and the two rows that say what the file is.
fn fill(
    file: File,
    options: &OpenOptions,
    meta: &FileMeta,
    settings: &Settings,
) -> Result<(), StoreError> {
    let storage = |doing| move |error: redb::Error| StoreError::storage(doing, error);
    let backend = FileBackend::new(file).map_err(|error| storage("creating")(error.into()))?;
    let db = builder(options)
        .create_with_backend(backend)
        .map_err(|error| storage("creating")(error.into()))?;
    let txn = db
        .begin_write()
        .map_err(|error| storage("creating")(error.into()))?;
    for table in TableId::ALL {
        txn.open_table(super::redb_tx::definition(*table))
            .map_err(|error| storage("creating a table")(error.into()))?;
    }
    {
        let mut tx = RedbTx::new(&txn);
        put(&mut tx, META, &MetaKey::File, meta)?;
        put(&mut tx, SETTINGS, &SettingsKey::Current, settings)?;
    }
    txn.commit()
        .map_err(|error| storage("creating")(error.into()))?;
    db.close()
        .map_err(|error| storage("creating")(error.into()))
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// Whether `name` is that of a file whose creation a crash interrupted. The next open of the
/// database beside it removes it.
#[must_use]
pub fn is_unfinished_creation(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(SUFFIX.as_bytes())
}

/// Removes what interrupted creations of `path` left. One that is under way holds its lock and is
/// left alone. Failing to sweep is not failing to open: the next open sweeps again.
pub(super) fn sweep(path: &Path) {
    let prefix = temporary_prefix(path);
    let Ok(entries) = fs::read_dir(folder_of(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let left_over = is_unfinished_creation(&name)
            && name
                .as_encoded_bytes()
                .starts_with(prefix.as_encoded_bytes());
        if !left_over {
            continue;
        }
        let removed = File::open(entry.path())
            .and_then(|file| file.try_lock().map_err(io::Error::from))
            .and_then(|()| fs::remove_file(entry.path()));
        match removed {
            Ok(()) => {
                tracing::info!(path = %entry.path().display(), "swept an unfinished creation")
            }
            Err(error) => {
                tracing::debug!(path = %entry.path().display(), %error, "left an unfinished creation");
            }
        }
    }
}
