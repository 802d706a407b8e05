//! Creation that a crash leaves undone or done: built under a temporary name, linked into place.

use std::io;
use std::path::Path;

use super::disk::{Disk, StorageBackend};
use super::guard::GuardedFile;
use super::health::Health;
use super::open::builder;
use super::redb_tx::RedbTx;
use super::rows::put;
use super::{OpenError, OpenOptions, Store, StoreError};
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
        if disk.exists(path) {
            return Err(OpenError::Exists {
                path: path.to_owned(),
            });
        }
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
    let io_error = |doing| {
        move |source| OpenError::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    };
    let temporary = disk.create_temporary(path).map_err(io_error(CREATING))?;
    let backend = temporary.backend().map_err(io_error("reopening"))?;
    fill(backend, options, meta, settings).map_err(|source| OpenError::Store {
        path: path.to_owned(),
        source,
    })?;
    temporary.sync().map_err(io_error("syncing"))?;
    temporary.publish(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let path = path.to_owned();
            OpenError::Exists { path }
        } else {
            io_error("naming")(error)
        }
    })?;
    disk.sync_folder(path)
        .map_err(io_error("syncing the folder of"))
}

/// Every table, and the two rows that say what the file is.
fn fill(
    backend: Box<dyn StorageBackend>,
    options: &OpenOptions,
    meta: &FileMeta,
    settings: &Settings,
) -> Result<(), StoreError> {
    let storage = |doing| move |error: redb::Error| StoreError::storage(doing, error);
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
    {
        let mut tx = RedbTx::new(&txn, &health);
        put(&mut tx, META, &MetaKey::File, meta)?;
        put(&mut tx, SETTINGS, &SettingsKey::Current, settings)?;
    }
    txn.commit()
        .map_err(|error| storage("creating")(error.into()))?;
    db.close()
        .map_err(|error| storage("creating")(error.into()))
}
