use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::clock::{Clock, wall_ms};
use super::throttle::Throttle;
use crate::schema::key::SettingsKey;
use crate::schema::table::{EVENTS, SETTINGS};
use crate::schema::v1::{FileMeta, Settings};
use crate::schema::{FORMAT, FileId, SessionId, TimestampMs};
use crate::store::{
    Commit, Disk, FORMATS, FileSystem, Formats, OpenError, OpenOptions, Procedure, ReadRows, Scan,
    Store, StoreError, get, scan_lenient,
};

/// Keeps track of migrations in one file, across crashes.
///
/// Every method that changes something is one transaction: when it returns `Ok`, the disk has all
/// of it (progress excepted, see [`Self::update_progress`]); when it returns an error, nothing
/// changed (a failed commit excepted, see [`StoreError::CommitUnknown`]). The handle is
/// `Send + Sync`: share it between threads. One process at a time can open a file.
///
/// ```
/// use shardferry::{MigrationTracker, NodeId, ShardId, Status};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("shards.redb");
///
/// let tracker = MigrationTracker::create(&path)?;
/// let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
/// tracker.update_progress(id, 512, 1024)?;
/// drop(tracker); // the process ends here, one way or another
///
/// let tracker = MigrationTracker::open(&path)?;
/// let unfinished = tracker.unfinished()?;
/// assert_eq!(unfinished[0].id, id);
/// assert_eq!(unfinished[0].progress.bytes_migrated, 512);
///
/// tracker.complete_migration(id)?;
/// assert_eq!(tracker.get_migration(id)?.unwrap().status(), Status::Complete);
/// assert!(!tracker.is_shard_migrating(ShardId(7))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MigrationTracker {
    path: PathBuf,
    pub(super) store: Store,
    pub(super) session: SessionId,
    clock: Clock,
    progress_lag_ms_max: AtomicU64,
    free_bytes_min: AtomicU64,
    /// 0: any.
    bytes_per_second_max: AtomicU64,
    throttle: Throttle,
    lease_ms: AtomicU64,
    /// Held while settings are put into force, so that what is remembered of them is of the last.
    pub(super) settings_order: Mutex<()>,
}

impl MigrationTracker {
    /// Creates a new file with the settings of a library ([`Settings::default`]: verification is
    /// optional) and opens it. A crash leaves no file or a good one.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when something is there already, or why it could not be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::create_with(path, &OpenOptions::default(), &Settings::default())
    }

    /// As [`Self::create`], with options and settings of the caller's choice.
    ///
    /// # Errors
    /// As [`Self::create`], and [`OpenError::Store`] for settings that contradict themselves.
    pub fn create_with(
        path: impl AsRef<Path>,
        options: &OpenOptions,
        settings: &Settings,
    ) -> Result<Self, OpenError> {
        Self::create_on(&FileSystem, path.as_ref(), options, settings)
    }

    /// As [`Self::create_with`], on `disk`.
    pub(crate) fn create_on(
        disk: &dyn Disk,
        path: &Path,
        options: &OpenOptions,
        settings: &Settings,
    ) -> Result<Self, OpenError> {
        let meta = FileMeta {
            format: FORMAT,
            file: FileId(Uuid::now_v7()),
            created_at_ms: wall_ms(),
            created_by: concat!("shardferry ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Store::create(disk, path, options, &meta, settings)?;
        Self::open_on(disk, path, options)
    }

    /// Opens a file. What a crash interrupted is recovered here; nothing is decided anew, so that
    /// opening twice is opening once. A file that is refused is left byte for byte as it was.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the file and what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &OpenOptions::default())
    }

    /// As [`Self::open`], with options of the caller's choice.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, OpenError> {
        Self::open_on(&FileSystem, path.as_ref(), options)
    }

    /// As [`Self::open_with`], on `disk`.
    pub(crate) fn open_on(
        disk: &dyn Disk,
        path: &Path,
        options: &OpenOptions,
    ) -> Result<Self, OpenError> {
        Self::open_as(disk, path, options, FORMATS)
    }

    /// As [`Self::open_on`], as a version of the library that knows `formats`.
    pub(crate) fn open_as(
        disk: &dyn Disk,
        path: &Path,
        options: &OpenOptions,
        formats: Formats,
    ) -> Result<Self, OpenError> {
        Self::over(Store::open(disk, path, options, formats)?, path)
    }

    /// A handle of an open file.
    pub(super) fn over(store: Store, path: &Path) -> Result<Self, OpenError> {
        let (newest, settings) = store
            .read(opening_facts)
            .map_err(|source| OpenError::Store {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            path: path.to_owned(),
            store,
            session: SessionId(Uuid::now_v7()),
            clock: Clock::starting_after(newest),
            progress_lag_ms_max: AtomicU64::new(settings.progress_lag_ms_max),
            free_bytes_min: AtomicU64::new(settings.free_bytes_min),
            bytes_per_second_max: AtomicU64::new(settings.bytes_per_second_max.unwrap_or(0)),
            throttle: Throttle::default(),
            lease_ms: AtomicU64::new(settings.lease_ms),
            settings_order: Mutex::new(()),
        })
    }

    /// Opens the file, or creates it when there is none.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        match Self::open(path) {
            Err(OpenError::NotFound { .. }) => match Self::create(path) {
                // Somebody else was quicker.
                Err(OpenError::Exists { .. }) => Self::open(path),
                created => created,
            },
            opened => opened,
        }
    }

    /// The path that the file was opened under.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The time of the tracker, which never goes back.
    #[must_use]
    pub fn now(&self) -> TimestampMs {
        self.clock.now()
    }

    /// Whether the file failed under this handle. It then answers every call with
    /// [`StoreError::ReopenNeeded`]: drop it, open the file again, and look there what became of
    /// an operation whose outcome was not known. [`StoreError::needs_reopen`] says the same of an
    /// error.
    #[must_use]
    pub fn needs_reopen(&self) -> bool {
        self.store.needs_reopen()
    }

    /// What is free on the file system of the file, and what is kept free.
    #[must_use]
    pub fn room(&self) -> Room {
        let (ballast_bytes_wanted, ballast_bytes) = self.store.ballast_bytes();
        Room {
            free_bytes: self.store.free_bytes(),
            free_bytes_min: self.free_bytes_min.load(Ordering::Relaxed),
            ballast_bytes,
            ballast_bytes_wanted,
        }
    }

    /// What is free, for a begin; asked only where the settings keep something free. What the
    /// ballast lacks is not free: it was given up for what is under way.
    pub(super) fn free_bytes_if_limited(&self) -> Option<u64> {
        self.store.restock_ballast();
        if self.free_bytes_min.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let (wanted_bytes, there_bytes) = self.store.ballast_bytes();
        let lacking_bytes = wanted_bytes.saturating_sub(there_bytes);
        let free_bytes = self.store.free_bytes()?;
        Some(free_bytes.saturating_sub(lacking_bytes))
    }

    /// How long to wait before `bytes` more are moved, so that all copies of this file together stay
    /// within [`Settings::bytes_per_second_max`]. Each call takes its share of the time to come: wait,
    /// then move. A change of the limit counts from the next call on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use shardferry::{MigrationTracker, Settings};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// assert_eq!(tracker.share_of_rate(1 << 40), Duration::ZERO); // there is no limit
    /// tracker.set_settings(&Settings { bytes_per_second_max: Some(1_000), ..Settings::default() })?;
    /// assert_eq!(tracker.share_of_rate(10_000), Duration::ZERO); // the first goes at once
    /// assert!(tracker.share_of_rate(1) > Duration::from_secs(9)); // the next after it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn share_of_rate(&self, bytes: u64) -> Duration {
        let rate = self.bytes_per_second_max.load(Ordering::Relaxed);
        self.throttle.reserve(bytes, rate)
    }

    /// How often a lease has to be renewed so that it is not lost to one that comes late.
    pub(crate) fn heartbeat_every(&self, ms_max: u64) -> Duration {
        let lease_ms = self.lease_ms.load(Ordering::Relaxed);
        Duration::from_millis((lease_ms / 3).clamp(1, ms_max))
    }

    /// Brings reported progress to the disk, without waiting for the next transaction.
    ///
    /// # Errors
    /// [`StoreError`] when the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    /// Runs `procedure` durably. Callers at the same time share one commit.
    pub(super) fn write<P>(&self, procedure: P) -> Result<P::Output, P::Error>
    where
        P: Procedure + Send + 'static,
        P::Output: Send + 'static,
        P::Error: Send + 'static,
    {
        self.store.write(procedure, |_| Commit::Durable)
    }

    /// Runs `procedure` durably, in a transaction of its own: for what is large, or borrows.
    pub(super) fn write_alone<P: Procedure>(&self, procedure: &P) -> Result<P::Output, P::Error> {
        self.store.write_alone(procedure, |_| Commit::Durable)
    }

    /// How far what may be lost in a crash may be behind the disk.
    pub(super) fn lazily(&self) -> Commit {
        let lag_ms_max = self.progress_lag_ms_max.load(Ordering::Relaxed);
        Commit::Lazy { lag_ms_max }
    }

    pub(super) fn settings_changed(&self, settings: &Settings) {
        self.lease_ms.store(settings.lease_ms, Ordering::Relaxed);
        self.progress_lag_ms_max
            .store(settings.progress_lag_ms_max, Ordering::Relaxed);
        self.free_bytes_min
            .store(settings.free_bytes_min, Ordering::Relaxed);
        self.bytes_per_second_max.store(
            settings.bytes_per_second_max.unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

/// The room that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are free on its file system. `None`: nobody knows.
    pub free_bytes: Option<u64>,
    /// The reserve: with less than this free, no migration begins
    /// ([`Settings::free_bytes_min`]).
    pub free_bytes_min: u64,
    /// Bytes that the ballast holds. Less than is wanted: the file system was full, and is still.
    pub ballast_bytes: u64,
    /// Bytes that it should hold ([`OpenOptions::ballast_bytes`]).
    pub ballast_bytes_wanted: u64,
}

/// What the handle has to know: the time of the newest event, and the settings.
fn opening_facts(rows: &mut dyn ReadRows) -> Result<(TimestampMs, Settings), StoreError> {
    // One damaged event must not keep the file closed; it then only does not move the clock.
    let newest = scan_lenient(rows, EVENTS, &Scan::last(1), &mut Vec::new())?
        .pop()
        .map(|(_, event)| event.at_ms)
        .unwrap_or_default();
    // Nor must damaged settings: every operation that needs them says so, and `check` as well.
    let settings = match get(rows, SETTINGS, &SettingsKey::Current) {
        Err(error) if error.is_unreadable_row() => Settings::default(),
        row => row?.unwrap_or_default(),
    };
    Ok((newest, settings))
}
