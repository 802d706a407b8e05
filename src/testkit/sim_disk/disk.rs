use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::content::Content;
use super::file::SimFile;
use super::record::{Change, FileNumber, folder_of};
use super::tree::Tree;
use super::{CrashPoints, Lie};
use crate::schema::v1::Settings;
use crate::store::{
    Disk, Formats, OpenError, OpenOptions, StorageBackend, Temporary, is_creation_of,
    temporary_name,
};
use crate::tracker::MigrationTracker;

/// The name of the tracker's file on a simulated disk.
const FILE: &str = "sim/shards.redb";

/// A disk in memory that records what is asked of it, and knows what a loss of power may leave at
/// every point: what was synced, and of what was not (bytes, lengths, names) any part.
///
/// Clones are the same disk. Nothing on it fails unless it was told to.
///
/// ```
/// use shardferry::store::OpenOptions;
/// use shardferry::testkit::{Sampling, SimDisk};
/// use shardferry::{NodeId, Settings, ShardId};
///
/// let (disk, options) = (SimDisk::new(), OpenOptions::default());
/// let tracker = disk.create(&options, &Settings::default())?;
/// let invoked = disk.changes();
/// let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
/// let acknowledged = disk.changes();
/// drop(tracker);
///
/// let mut images = 0;
/// for point in disk.crash_points().skip(invoked) {
///     for image in point.images(&Sampling::default()) {
///         let tracker = image.disk().open(&options)?;
///         let is_there = tracker.get_migration(id)?.is_some();
///         assert!(is_there || point.position() < acknowledged, "{image}");
///         assert!(tracker.check()?.is_clean());
///         images += 1;
///     }
/// }
/// assert!(images > 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// What was durable before the first change.
    first: Tree,
    record: Vec<Change>,
    /// What a process sees.
    pub(super) live: Tree,
    pub(super) open: BTreeSet<FileNumber>,
    files: u64,
    lie: Option<Lie>,
    /// So many syncs of files succeed before one fails.
    syncs_before_failure: Option<u32>,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk that breaks its word: what a test of crashes must notice.
    #[must_use]
    pub fn that_lies(lie: Lie) -> Self {
        let disk = Self::new();
        disk.state().lie = Some(lie);
        disk
    }

    /// A disk on which the tracker's file has these bytes, all durable.
    #[must_use]
    pub fn with_file(bytes: &[u8]) -> Self {
        let mut tree = Tree::default();
        tree.names.insert(PathBuf::from(FILE), FileNumber(0));
        tree.files.insert(FileNumber(0), Content::of(bytes));
        Self::holding(tree)
    }

    /// A disk of its own with the same files, all durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::holding(self.state().live.clone())
    }

    pub(super) fn holding(tree: Tree) -> Self {
        let last = tree.files.keys().next_back();
        let state = State {
            files: last.map_or(0, |file| file.0 + 1),
            live: tree.clone(),
            first: tree,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Creates the tracker's file and opens it. See [`MigrationTracker::create_with`].
    ///
    /// # Errors
    /// As [`MigrationTracker::create_with`].
    pub fn create(
        &self,
        options: &OpenOptions,
        settings: &Settings,
    ) -> Result<MigrationTracker, OpenError> {
        MigrationTracker::create_on(self, Path::new(FILE), options, settings)
    }

    /// Opens the tracker's file. See [`MigrationTracker::open_with`].
    ///
    /// # Errors
    /// As [`MigrationTracker::open_with`].
    pub fn open(&self, options: &OpenOptions) -> Result<MigrationTracker, OpenError> {
        MigrationTracker::open_on(self, Path::new(FILE), options)
    }

    /// As a version of the library that knows `formats`.
    pub(in crate::testkit) fn open_as(
        &self,
        options: &OpenOptions,
        formats: Formats,
    ) -> Result<MigrationTracker, OpenError> {
        MigrationTracker::open_as(self, Path::new(FILE), options, formats)
    }

    /// The bytes of the tracker's file, as a process sees them.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.state().live.at(Path::new(FILE)).map(Content::bytes)
    }

    /// The names of all files, as a process sees them.
    #[must_use]
    pub fn names(&self) -> Vec<PathBuf> {
        self.state().live.names.keys().cloned().collect()
    }

    /// How many changes were asked of it so far: writes, lengths, syncs, names.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.state().record.len()
    }

    /// How many of these were syncs, of files and of folders.
    #[must_use]
    pub fn syncs(&self) -> usize {
        let state = self.state();
        state
            .record
            .iter()
            .filter(|change| change.is_sync())
            .count()
    }

    /// Every point of the record at which the power may fail.
    #[must_use]
    pub fn crash_points(&self) -> CrashPoints {
        let state = self.state();
        CrashPoints::new(state.first.clone(), state.record.clone())
    }

    /// The same for disks on which a process sees the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self.state().live.digest().as_bytes()
    }

    /// After so many more syncs of files, one fails: nothing of it is durable, and all of it may be
    /// with a later sync. A process sees what it wrote all the same.
    pub fn fail_a_sync_after(&self, syncs: u32) {
        self.state().syncs_before_failure = Some(syncs);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Applies a change and records it.
    pub(super) fn make(&mut self, change: Change) {
        self.live.apply(&change);
        self.record.push(change);
    }

    pub(super) fn sync_file(&mut self, file: FileNumber) -> io::Result<()> {
        match &mut self.syncs_before_failure {
            Some(0) => {
                self.syncs_before_failure = None;
                return Err(io::Error::other("the simulated disk was told to fail"));
            }
            Some(syncs) => *syncs -= 1,
            None => {}
        }
        if self.lie != Some(Lie::SyncsOfFiles) {
            self.record.push(Change::SyncFile { file });
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn exists(&self, path: &Path) -> bool {
        self.state().live.names.contains_key(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn StorageBackend>, OpenError> {
        let path = path.to_owned();
        let file = {
            let state = self.state();
            match state.live.names.get(&path).copied() {
                None => return Err(OpenError::NotFound { path }),
                Some(file) if state.open.contains(&file) => {
                    return Err(OpenError::Locked { path });
                }
                Some(file) => file,
            }
        };
        Ok(Box::new(SimFile::new(self.clone(), file)))
    }

    fn create_temporary(&self, path: &Path) -> io::Result<Box<dyn Temporary>> {
        let mut state = self.state();
        let file = FileNumber(state.files);
        state.files += 1;
        let name = folder_of(path).join(temporary_name(path, &file.0.to_string()));
        state.make(Change::Link {
            name: name.clone(),
            file,
        });
        drop(state);
        Ok(Box::new(SimTemporary {
            disk: self.clone(),
            file,
            name,
        }))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.lie != Some(Lie::SyncsOfFolders) {
            let folder = folder_of(path).to_owned();
            state.record.push(Change::SyncFolder { folder });
        }
        Ok(())
    }

    fn sweep(&self, path: &Path) {
        let mut state = self.state();
        let same = state.live.names.get(path);
        let left_over = |(name, file): (&PathBuf, &FileNumber)| {
            let unfinished = folder_of(name) == folder_of(path)
                && name
                    .file_name()
                    .is_some_and(|name| is_creation_of(name, path));
            (unfinished && (same == Some(file) || !state.open.contains(file))).then(|| name.clone())
        };
        let names: Vec<_> = state.live.names.iter().filter_map(left_over).collect();
        for name in names {
            state.make(Change::Unlink { name });
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let name = path.to_owned();
        self.state().make(Change::Unlink { name });
        Ok(())
    }

    fn again(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }
}

/// A file under a temporary name.
struct SimTemporary {
    disk: SimDisk,
    file: FileNumber,
    name: PathBuf,
}

impl Temporary for SimTemporary {
    fn backend(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(SimFile::new(self.disk.clone(), self.file)))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state().sync_file(self.file)
    }

    /// Two changes, each of which a crash may lose: as with the calls `link` and `unlink`.
    fn publish(self: Box<Self>, path: &Path) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.live.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.make(Change::Link {
            name: path.to_owned(),
            file: self.file,
        });
        Ok(())
    }
}

/// The temporary name goes, whether the file got another one or not.
impl Drop for SimTemporary {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        self.disk.state().make(Change::Unlink { name });
    }
}
