//! Where database files are: the file system, or one that a test simulates.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use redb::StorageBackend;
use redb::backends::FileBackend;

use super::OpenError;
use super::ballast_file::Surroundings;
#[cfg(unix)]
use super::owner;
use super::volume::{Unmeasured, Volume};

/// The end of the name of a file that is being created.
const SUFFIX: &str = ".creating";

/// What the store asks of the place where its files are.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Whether there is anything at `path`.
    fn exists(&self, path: &Path) -> bool;

    /// Opens the file at `path` for reading and writing.
    fn open(&self, path: &Path) -> Result<Box<dyn StorageBackend>, OpenError>;

    /// A new file in the folder of `path`, under a name that [`is_unfinished_creation`] knows.
    fn create_temporary(&self, path: &Path) -> io::Result<Box<dyn Temporary>>;

    /// Makes the names in the folder of `path` durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes what interrupted creations of `path` left.
    fn sweep(&self, path: &Path);

    /// Removes the file at `path`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The same place, to keep.
    fn again(&self) -> Box<dyn Disk>;

    /// What is around the file at `path`.
    fn volume(&self, path: &Path) -> Box<dyn Volume> {
        let _ = path;
        Box::new(Unmeasured)
    }
}

/// A file that has no name of its own yet. Dropped, it is removed.
pub(crate) trait Temporary {
    /// Reads and writes it.
    fn backend(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Makes its content durable.
    fn sync(&self) -> io::Result<()>;

    /// Gives it the name `path`, unless something has it.
    fn publish(self: Box<Self>, path: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn exists(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    fn open(&self, path: &Path) -> Result<Box<dyn StorageBackend>, OpenError> {
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
        // Before it is opened: opening a device can do something.
        let metadata = fs::symlink_metadata(path).map_err(io_error("looking at"))?;
        if !metadata.is_file() {
            return Err(OpenError::NotAFile {
                path: path.to_owned(),
            });
        }
        let mut options = File::options();
        options.read(true).write(true);
        #[cfg(unix)]
        owner::follow_nothing(&mut options);
        let file = options
            .open(path)
            .map_err(io_error("opening for writing"))?;
        // What was opened is looked at, not what was at the path a moment ago.
        let metadata = file.metadata().map_err(io_error("looking at"))?;
        if !metadata.is_file() {
            return Err(OpenError::NotAFile {
                path: path.to_owned(),
            });
        }
        #[cfg(unix)]
        owner::check(path, &metadata)?;
        backend(file).map_err(io_error("opening"))
    }

    fn create_temporary(&self, path: &Path) -> io::Result<Box<dyn Temporary>> {
        Ok(Box::new(TemporaryFile(temporary(path)?)))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(folder_of(path))?.sync_all()
    }

    /// One that is under way holds its lock and is left alone. Failing to sweep is not failing to
    /// open: the next open sweeps again.
    fn sweep(&self, path: &Path) {
        let Ok(entries) = fs::read_dir(folder_of(path)) else {
            return;
        };
        for entry in entries.flatten() {
            if is_creation_of(&entry.file_name(), path) {
                sweep_one(&entry.path(), path);
            }
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn again(&self) -> Box<dyn Disk> {
        Box::new(*self)
    }

    fn volume(&self, path: &Path) -> Box<dyn Volume> {
        Box::new(Surroundings::of(path))
    }
}

/// A file beside `path`, under a name that a sweep of `path` knows.
pub(super) fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .suffix(SUFFIX)
        .tempfile_in(folder_of(path))
}

/// A file of the file system under a temporary name.
struct TemporaryFile(tempfile::NamedTempFile);

impl Temporary for TemporaryFile {
    fn backend(&self) -> io::Result<Box<dyn StorageBackend>> {
        backend(self.0.reopen()?)
    }

    fn sync(&self) -> io::Result<()> {
        // From here until it has its name, no sweep takes it for a left-over. Before, it is locked
        // wherever it is open.
        match self.0.as_file().lock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.0.as_file().sync_all()
    }

    fn publish(self: Box<Self>, path: &Path) -> io::Result<()> {
        let file = self.0.persist_noclobber(path)?;
        // By hand: while another thread starts a program, closing it would not end the lock. Where
        // there are no locks, there is none to end.
        let _ = file.unlock();
        Ok(())
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    let backend = FileBackend::new(file).map_err(io::Error::other)?;
    Ok(Box::new(backend))
}

fn sweep_one(path: &Path, of: &Path) {
    let removed = if is_same_file(path, of) {
        // Where naming is two steps, link and unlink, a crash between them leaves both names. The
        // lock on that file is ours.
        fs::remove_file(path)
    } else {
        File::open(path)
            .and_then(|file| file.try_lock().map_err(io::Error::from))
            .and_then(|()| fs::remove_file(path))
    };
    let path = path.display();
    match removed {
        Ok(()) => tracing::info!(%path, "swept an unfinished creation"),
        Err(error) => tracing::debug!(%path, %error, "left an unfinished creation"),
    }
}

#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let number = |path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((number(one), number(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
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

/// Whether `name` is that of an unfinished creation of `path`.
pub(crate) fn is_creation_of(name: &OsStr, path: &Path) -> bool {
    let prefix = temporary_prefix(path);
    let rest = name
        .as_encoded_bytes()
        .strip_prefix(prefix.as_encoded_bytes());
    // With a dot in it, it is that of a longer name: of `shards.redb.new`, not of `shards.redb`.
    rest.and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()))
        .is_some_and(|unique| !unique.is_empty() && !unique.contains(&b'.'))
}

/// A name for a file that is to become `path`.
#[cfg(feature = "testkit")]
pub(crate) fn temporary_name(path: &Path, unique: &str) -> OsString {
    let mut name = temporary_prefix(path);
    name.push(unique);
    name.push(SUFFIX);
    name
}

/// Whether `name` is that of a file whose creation a crash interrupted. The next open of the
/// database beside it removes it.
#[must_use]
pub fn is_unfinished_creation(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(SUFFIX.as_bytes())
}
