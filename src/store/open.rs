use std::io;
use std::path::Path;

use redb::{Database, DatabaseError, ReadableDatabase as _, StorageError, TableError};

use super::ballast::Ballast;
use super::disk::Disk;
use super::format::{FORMATS, Formats, Upgrade};
use super::guard::GuardedFile;
use super::redb_tx::definition;
use super::{Commit, OpenError, OpenOptions, Store, StoreError, header, wal};
use crate::schema::codec::DecodeError;
use crate::schema::key::{Key as _, MetaKey};
use crate::schema::table::{META, TableId};
use crate::schema::v1::FileMeta;

impl Store {
    /// Opens the file at `path`, and brings one of an older format to the newest. A file that is
    /// refused is left byte for byte as it was.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        options: &OpenOptions,
        formats: Formats,
    ) -> Result<Self, OpenError> {
        let ballast = Ballast::new(disk.volume(path), options.ballast_bytes);
        let once = || -> Result<_, OpenError> {
            let guard = open_file(disk, path)?;
            check_header(path, &guard)?;
            if options.integrity_check {
                verify(path, &guard)?;
            }
            let look = |db: &Database| wal::look(disk, path, db, options);
            let (db, found, recovery) = admitted(path, guard, options, formats, look)?;
            disk.sweep(path);
            let wal = recovery.finish(disk, path, &db, options)?;
            Ok((db, wal, found))
        };
        let opened = match once() {
            // Recovery writes: a file system that was filled up must not keep the file closed.
            Err(error) if error.is_disk_full() && ballast.give_up() => once(),
            opened => opened,
        };
        let (db, wal, found) = opened?;
        ballast.restock();
        let store = Self::new(db, options.durability, wal, ballast);
        if found < formats.newest() {
            store.upgrade(path, found, formats)?;
        }
        Ok(store)
    }

    /// Opens what `guard` holds back the writes to: a draft, which has no name yet. `path` is what
    /// errors call it.
    pub(super) fn open_draft(
        path: &Path,
        guard: GuardedFile,
        options: &OpenOptions,
    ) -> Result<Self, OpenError> {
        let (db, _, ()) = admitted(path, guard, options, FORMATS, |_| Ok(()))?;
        Ok(Self::new(db, options.durability, None, Ballast::default()))
    }

    fn upgrade(&self, path: &Path, found: u32, formats: Formats) -> Result<(), OpenError> {
        let newest = formats.newest();
        self.write_alone(&Upgrade { formats, found }, |()| Commit::Whole)
            .map_err(|source| OpenError::Upgrade {
                path: path.to_owned(),
                found,
                newest,
                source,
            })?;
        tracing::info!(path = %path.display(), found, newest, "upgraded the format of the file");
        Ok(())
    }
}

/// Opens what `guard` holds back the writes to, lets them through if it is a file of ours that `look` does
/// not refuse, and says which format it has, and what `look` saw.
fn admitted<T>(
    path: &Path,
    guard: GuardedFile,
    options: &OpenOptions,
    formats: Formats,
    look: impl FnOnce(&Database) -> Result<T, OpenError>,
) -> Result<(Database, u32, T), OpenError> {
    let db = builder(options)
        .create_with_backend(guard.clone())
        .map_err(|error| refused(path, error))?;
    let found = admit(path, &db, formats)?;
    if found == formats.newest() {
        check_tables(path, &db)?;
    }
    let seen = look(&db)?;
    guard.release().map_err(|source| OpenError::Io {
        doing: "preparing",
        path: path.to_owned(),
        source,
    })?;
    Ok((db, found, seen))
}

/// Verifies every page of what `guard` holds back the writes to, and repairs what a crash left. A handle
/// without a cache does it, and is closed again: it meets each page twice, far apart, and to keep pages
/// until then, and drop them, takes longer than to read them again.
fn verify(path: &Path, guard: &GuardedFile) -> Result<(), OpenError> {
    let mut builder = Database::builder();
    builder.set_cache_size(0);
    builder.set_check_integrity_on_open(true);
    let db = builder
        .create_with_backend(guard.clone())
        .map_err(|error| refused(path, error))?;
    db.close().map_err(|error| refused(path, error))
}

fn check_header(path: &Path, guard: &GuardedFile) -> Result<(), OpenError> {
    let path = path.to_owned();
    match header::fault(guard) {
        Ok(None) => Ok(()),
        Ok(Some(fault)) => Err(OpenError::Damaged {
            path,
            detail: fault.to_owned(),
        }),
        Err(source) => Err(OpenError::Io {
            doing: "reading",
            path,
            source,
        }),
    }
}

pub(super) fn builder(options: &OpenOptions) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

fn open_file(disk: &dyn Disk, path: &Path) -> Result<GuardedFile, OpenError> {
    let reading = |source| OpenError::Io {
        doing: "reading",
        path: path.to_owned(),
        source,
    };
    let file = disk.open(path)?;
    if file.len().map_err(reading)? == 0 {
        return Err(OpenError::NotADatabase {
            path: path.to_owned(),
            detail: "the file is empty".to_owned(),
        });
    }
    GuardedFile::hold(file).map_err(reading)
}

/// What redb's refusal means for the file.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "redb may add variants; an error that is not known here is damage"
)]
fn refused(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked { path }
        }
        DatabaseError::Storage(StorageError::Corrupted(detail)) => {
            OpenError::Damaged { path, detail }
        }
        DatabaseError::Storage(StorageError::Io(source))
            if matches!(
                source.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::NotADatabase {
                path,
                detail: source.to_string(),
            }
        }
        DatabaseError::Storage(StorageError::Io(source)) => OpenError::Io {
            doing: "opening",
            path,
            source,
        },
        DatabaseError::Storage(error @ StorageError::PreviousIo) => OpenError::Store {
            path,
            source: StoreError::storage("opening", error),
        },
        DatabaseError::UpgradeRequired(format) => OpenError::NotADatabase {
            path,
            detail: format!("it is a redb file of the old format {format}"),
        },
        other => OpenError::Damaged {
            path,
            detail: other.to_string(),
        },
    }
}

/// The format of the file. Refuses one that is not ours, or that a newer version wrote.
fn admit(path: &Path, db: &Database, formats: Formats) -> Result<u32, OpenError> {
    let not_ours = |detail: String| OpenError::NotADatabase {
        path: path.to_owned(),
        detail,
    };
    let store_error = |source| OpenError::Store {
        path: path.to_owned(),
        source,
    };
    let read = db
        .begin_read()
        .map_err(|error| store_error(StoreError::storage("beginning to read", error)))?;
    let table = read
        .open_table(definition(TableId::Meta))
        .map_err(|error| {
            if let TableError::Storage(error) = error {
                return store_error(StoreError::storage("opening a table", error));
            }
            not_ours(format!("a redb file of something else ({error})"))
        })?;
    let key = MetaKey::File.to_bytes();
    let value = table
        .get(key.as_slice())
        .map_err(|error| store_error(StoreError::storage("reading a row", error)))?
        .ok_or_else(|| not_ours("it does not say what it is".to_owned()))?;
    let newer = |found| OpenError::NewerFormat {
        path: path.to_owned(),
        found,
        known: formats.newest(),
    };
    match META.decode(&MetaKey::File, value.value()) {
        Ok(FileMeta { format, .. }) if format > formats.newest() => Err(newer(format)),
        Ok(FileMeta { format, .. }) => Ok(format),
        Err(DecodeError::Version { found, known }) if found > known => Err(newer(u32::from(found))),
        Err(error) => Err(store_error(StoreError::row(TableId::Meta, &key, error))),
    }
}

/// Whether every table of the newest format is there.
fn check_tables(path: &Path, db: &Database) -> Result<(), OpenError> {
    let failed = |source| OpenError::Store {
        path: path.to_owned(),
        source,
    };
    let read = db
        .begin_read()
        .map_err(|error| failed(StoreError::storage("beginning to read", error)))?;
    for id in TableId::ALL {
        read.open_table(definition(*id)).map_err(|error| {
            if let TableError::Storage(error) = error {
                return failed(StoreError::storage("opening a table", error));
            }
            OpenError::Damaged {
                path: path.to_owned(),
                detail: error.to_string(),
            }
        })?;
    }
    Ok(())
}
