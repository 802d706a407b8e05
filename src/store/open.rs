use std::fs;
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase as _, StorageError, TableError};

use super::guard::GuardedFile;
use super::redb_tx::definition;
use super::{OpenError, OpenOptions, Store, StoreError, create, header};
use crate::schema::FORMAT;
use crate::schema::codec::DecodeError;
use crate::schema::key::{Key as _, MetaKey};
use crate::schema::table::{META, TableId};
use crate::schema::v1::FileMeta;

impl Store {
    /// Opens the file at `path`. A file that is refused is left byte for byte as it was.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Self, OpenError> {
        let guard = open_file(path)?;
        check_header(path, &guard)?;
        let db = builder(options)
            .create_with_backend(guard.clone())
            .map_err(|error| refused(path, error))?;
        check_format(path, &db)?;
        guard.release().map_err(|source| OpenError::Io {
            doing: "preparing",
            path: path.to_owned(),
            source,
        })?;
        create::sweep(path);
        Ok(Self::new(db, options.durability))
    }
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
    builder.set_check_integrity_on_open(options.integrity_check);
    builder
}

fn open_file(path: &Path) -> Result<GuardedFile, OpenError> {
    let io_error = |doing| {
        move |source: io::Error| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::NotFound {
                return OpenError::NotFound { path };
            }
            OpenError::Io {
                doing,
                path,
                source,
            }
        }
    };
    let metadata = fs::symlink_metadata(path).map_err(io_error("looking at"))?;
    if !metadata.is_file() {
        return Err(OpenError::NotAFile {
            path: path.to_owned(),
        });
    }
    if metadata.len() == 0 {
        return Err(OpenError::NotADatabase {
            path: path.to_owned(),
            detail: "the file is empty".to_owned(),
        });
    }
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io_error("opening for writing"))?;
    let backend = FileBackend::new(file).map_err(|error| refused(path, error))?;
    GuardedFile::hold(backend).map_err(io_error("reading"))
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

/// Refuses a file that is not ours, or that a newer version wrote.
fn check_format(path: &Path, db: &Database) -> Result<(), OpenError> {
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
        known: FORMAT,
    };
    match META.decode(&MetaKey::File, value.value()) {
        Ok(FileMeta { format, .. }) if format > FORMAT => return Err(newer(format)),
        Ok(_) => {}
        Err(DecodeError::Version { found, .. }) => return Err(newer(u32::from(found))),
        Err(error) => return Err(store_error(StoreError::row(TableId::Meta, &key, error))),
    }
    for id in TableId::ALL {
        read.open_table(definition(*id))
            .map_err(|error| OpenError::Damaged {
                path: path.to_owned(),
                detail: error.to_string(),
            })?;
    }
    Ok(())
}
