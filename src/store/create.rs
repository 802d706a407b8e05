//! Creation that a crash leaves undone or done: built under a temporary name, linked into place.

use std::io;
use std::path::Path;

use super::disk::{Disk, StorageBackend, Temporary};
use super::guard::GuardedFile;
use super::health::Health;
use super::open::builder;
use super::redb_tx::RedbTx;
use super::rows::put;
use super::{OpenError, OpenOptions, Store, StoreError, Tx};
use crate::schema::key::{MetaKey, SettingsKey};
use crate::schema::table::{META, SETTINGS, TableId};
use crate::schema::v1::{FileMeta, Settings};

/// How often creation starts again when its temporary file was swept away as if it were left over.
const TRIES: usize = 8;

impl Store {
    /// Creates the file at `path`. After a crash there is no file, or a good one.
    pub(crate) fn create(
        disk: &dyn Disk,
        path: &Path,
        options: &OpenOptions,
        meta: &FileMeta,
        settings: &Settings,
    ) -> Result<(), OpenError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match create_once(disk, path, options, meta, settings) {
                Err(OpenError::Io { doing, source, .. })
                    if source.kind() == io::ErrorKind::NotFound
                        && doing != CREATING
                        && tries < TRIES => {}
                outcome => return outcome,
            }
        }
    }
}

/// The step at which a missing folder shows; at a later one it is the temporary file that is gone.
const CREATING: &str = "creating";

fn create_once(
    disk: &dyn Disk,
    path: &Path,
    options: &OpenOptions,
    meta: &FileMeta,
    settings: &Settings,
) -> Result<(), OpenError> {
    let two_rows = |tx: &mut dyn Tx| {
        put(tx, META, &MetaKey::File, meta)
            .and_then(|()| put(tx, SETTINGS, &SettingsKey::Current, settings))
            .map_err(|source| OpenError::Store {
                path: path.to_owned(),
                source,
            })
    };
    let (draft, ()) = Draft::create(disk, path, options, two_rows)?;
    draft.publish()
}

/// A whole file that has no name of its own yet. Dropped, it is gone; after a crash it is a left-over
/// that a sweep removes.
pub(crate) struct Draft<'a> {
    disk: &'a dyn Disk,
    path: &'a Path,
    temporary: Box<dyn Temporary>,
}

impl<'a> Draft<'a> {
    /// A file for `path`, where nothing is yet: every table, with what `fill` puts into them in one
    /// transaction.
    pub(crate) fn create<T, E: From<OpenError>>(
        disk: &'a dyn Disk,
        path: &'a Path,
        options: &OpenOptions,
        fill: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        if disk.exists(path) {
            return Err(OpenError::Exists {
                path: path.to_owned(),
            }
            .into());
        }
        let temporary = disk
            .create_temporary(path)
            .map_err(io_error(path, CREATING))?;
        let backend = temporary.backend().map_err(io_error(path, "reopening"))?;
        let filled = write(backend, path, options, fill)?;
        let draft = Self {
            disk,
            path,
            temporary,
        };
        Ok((draft, filled))
    }

    /// Opens it to look whether it is good. Close it before [`Self::publish`].
    pub(crate) fn open(&self, options: &OpenOptions) -> Result<Store, OpenError> {
        let guard = self.temporary.backend().and_then(GuardedFile::hold);
        let guard = guard.map_err(io_error(self.path, "reopening"))?;
        Store::open_draft(self.path, guard, options)
    }

    /// Gives it its name, unless something has it by now. Durable when this returns.
    pub(crate) fn publish(self) -> Result<(), OpenError> {
        let Self {
            disk,
            path,
            temporary,
        } = self;
        temporary.sync().map_err(io_error(path, "syncing"))?;
        temporary.publish(path).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                let path = path.to_owned();
                OpenError::Exists { path }
            } else {
                io_error(path, "naming")(error)
            }
        })?;
        disk.sync_folder(path)
            .map_err(io_error(path, "syncing the folder of"))
    }
}

/// What the system refused to do with the file at `path`.
pub(super) fn io_error(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> OpenError {
    move |source| OpenError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Every table, and what `fill` puts into them.
fn write<T, E: From<OpenError>>(
    backend: Box<dyn StorageBackend>,
    path: &Path,
    options: &OpenOptions,
    fill: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
) -> Result<T, E> {
    let storage = |doing| {
        move |error: redb::Error| OpenError::Store {
            path: path.to_owned(),
            source: StoreError::storage(doing, error),
        }
    };
    let db = builder(options)
        .create_with_backend(GuardedFile::through(backend))
        .map_err(|error| storage("creating")(error.into()))?;
    let txn = db
        .begin_write()
        .map_err(|error| storage("creating")(error.into()))?;
    for table in TableId::ALL {
        txn.open_table(super::redb_tx::definition(*table))
            .map_err(|error| storage("creating a table")(error.into()))?;
    }
    let health = Health::default();
    let filled = fill(&mut RedbTx::new(&txn, &health))?;
    txn.commit()
        .map_err(|error| storage("creating")(error.into()))?;
    db.close()
        .map_err(|error| storage("creating")(error.into()))?;
    Ok(filled)
}
