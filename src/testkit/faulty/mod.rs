//! A disk in memory whose calls fail as they are told to.

mod fault;
mod file;

pub use fault::{Call, Fault, Trouble};

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::schema::v1::Settings;
use crate::store::{
    Disk, OpenError, OpenOptions, StorageBackend, Temporary, Volume, is_unfinished_creation,
};
use crate::tracker::MigrationTracker;
use fault::Switch;
use file::{File, Handle};

/// A disk in memory that fails when it is told to. Clones are the same disk.
///
/// It knows what was synced: with [`Trouble::LostSync`] a failed sync takes back every write since
/// the last one, and the next sync succeeds. That is what a kernel does which cannot write back
/// dirty pages: it reports it once, and forgets them.
///
/// ```
/// use shardferry::testkit::{Call, Fault, FaultyDisk, Trouble};
/// use shardferry::{NodeId, Settings, ShardId};
///
/// let disk = FaultyDisk::new();
/// let tracker = disk.create("shards.redb", &Default::default(), &Settings::default())?;
/// disk.inject(Fault { call: Call::Sync, nth: 1, trouble: Trouble::LostSync, forever: false });
/// assert!(tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2)).is_err());
/// assert!(tracker.needs_reopen());
/// drop(tracker);
///
/// let tracker = disk.open("shards.redb", &Default::default())?;
/// assert!(tracker.unfinished()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    switch: Arc<Switch>,
    files: Mutex<BTreeMap<PathBuf, Arc<File>>>,
    temporaries: AtomicU64,
    free_bytes: Mutex<Option<u64>>,
}

impl FaultyDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a database on it.
    ///
    /// # Errors
    /// As [`MigrationTracker::create_with`].
    pub fn create(
        &self,
        path: impl AsRef<Path>,
        options: &OpenOptions,
        settings: &Settings,
    ) -> Result<MigrationTracker, OpenError> {
        MigrationTracker::create_on(self, path.as_ref(), options, settings)
    }

    /// Opens a database on it.
    ///
    /// # Errors
    /// As [`MigrationTracker::open_with`].
    pub fn open(
        &self,
        path: impl AsRef<Path>,
        options: &OpenOptions,
    ) -> Result<MigrationTracker, OpenError> {
        MigrationTracker::open_on(self, path.as_ref(), options)
    }

    /// From now on, calls fail as `fault` says. Replaces an earlier fault; calls are counted from
    /// here.
    pub fn inject(&self, fault: Fault) {
        self.inner.switch.set(Some(fault));
    }

    /// No call fails any more. Calls are counted from here.
    pub fn repair(&self) {
        self.inner.switch.set(None);
    }

    /// How many calls of this kind there were since the last [`Self::inject`] or [`Self::repair`].
    #[must_use]
    pub fn calls(&self, call: Call) -> u64 {
        self.inner.switch.calls(call)
    }

    /// How many of them failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.inner.switch.failures()
    }

    /// Says how many bytes are free. Only said: what is written is not counted against it. Without
    /// it nobody knows.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        *lock(&self.inner.free_bytes) = free_bytes;
    }

    /// A disk of its own with the same files. It has no faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        let files = lock(&self.inner.files)
            .iter()
            .map(|(path, file)| (path.clone(), Arc::new(file.copy())))
            .collect();
        Self {
            inner: Arc::new(Inner {
                files: Mutex::new(files),
                ..Inner::default()
            }),
        }
    }

    /// The names of its files.
    #[must_use]
    pub fn names(&self) -> Vec<PathBuf> {
        lock(&self.inner.files).keys().cloned().collect()
    }

    /// What a file holds.
    #[must_use]
    pub fn bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let files = lock(&self.inner.files);
        files.get(path.as_ref()).map(|file| file.bytes())
    }

    fn handle(&self, file: Arc<File>) -> Box<dyn StorageBackend> {
        Box::new(Handle::new(file, Arc::clone(&self.inner.switch)))
    }
}

impl Disk for FaultyDisk {
    fn exists(&self, path: &Path) -> bool {
        lock(&self.inner.files).contains_key(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn StorageBackend>, OpenError> {
        match lock(&self.inner.files).get(path) {
            Some(file) => Ok(self.handle(Arc::clone(file))),
            None => Err(OpenError::NotFound {
                path: path.to_owned(),
            }),
        }
    }

    fn create_temporary(&self, path: &Path) -> io::Result<Box<dyn Temporary>> {
        let number = self.inner.temporaries.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{number}.creating"));
        let file = Arc::new(File::default());
        lock(&self.inner.files).insert(temporary.clone(), Arc::clone(&file));
        Ok(Box::new(Unnamed {
            disk: self.clone(),
            temporary,
            file,
        }))
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        match self.inner.switch.count(Call::Sync) {
            Some(trouble) => Err(trouble.error()),
            None => Ok(()),
        }
    }

    fn sweep(&self, _: &Path) {
        let left_over = |path: &PathBuf| path.file_name().is_some_and(is_unfinished_creation);
        lock(&self.inner.files).retain(|path, _| !left_over(path));
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.inner.files).remove(path);
        Ok(())
    }

    fn again(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }

    fn volume(&self, _: &Path) -> Box<dyn Volume> {
        Box::new(self.clone())
    }
}

impl Volume for FaultyDisk {
    fn free_bytes(&self) -> io::Result<u64> {
        lock(&self.inner.free_bytes).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }
}

/// A file that is being created.
struct Unnamed {
    disk: FaultyDisk,
    temporary: PathBuf,
    file: Arc<File>,
}

impl Temporary for Unnamed {
    fn backend(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(self.disk.handle(Arc::clone(&self.file)))
    }

    fn sync(&self) -> io::Result<()> {
        self.backend()?.sync_data()
    }

    fn publish(self: Box<Self>, path: &Path) -> io::Result<()> {
        let mut files = lock(&self.disk.inner.files);
        if files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        files.insert(path.to_owned(), Arc::clone(&self.file));
        Ok(())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        lock(&self.disk.inner.files).remove(&self.temporary);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
