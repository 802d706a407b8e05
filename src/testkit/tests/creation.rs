use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::schema::NodeId;
use crate::schema::text::NodeName;
use crate::schema::v1::{Node, Settings};
use crate::store::{Disk, FileSystem, OpenError, OpenOptions, StorageBackend, Temporary};
use crate::tracker::{BackupError, MigrationTracker};

/// What somebody else does to a creation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meddling {
    /// Takes the name before it is given.
    TakesTheName,
    /// Sweeps the temporary file away, so many times.
    Sweeps(usize),
    /// Removes the folder before the file has its name.
    RemovesTheFolder,
    /// Adds a row to the file before it is read again.
    AddsARow,
}

/// The file system, with somebody else at work in it.
#[derive(Clone, Debug)]
struct Shared {
    meddling: Meddling,
    times: Arc<AtomicUsize>,
}

struct Watched {
    inner: Box<dyn Temporary>,
    at: PathBuf,
    disk: Shared,
    reads: AtomicUsize,
}

impl Disk for Shared {
    fn exists(&self, path: &Path) -> bool {
        FileSystem.exists(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn StorageBackend>, OpenError> {
        FileSystem.open(path)
    }

    fn create_temporary(&self, path: &Path) -> io::Result<Box<dyn Temporary>> {
        let inner = FileSystem.create_temporary(path)?;
        let mut names = fs::read_dir(path.parent().unwrap())?.map(|entry| entry.unwrap().path());
        let at = names.find(|name| name.extension().is_some_and(|end| end == "creating"));
        Ok(Box::new(Watched {
            inner,
            at: at.unwrap(),
            disk: self.clone(),
            reads: AtomicUsize::new(0),
        }))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        FileSystem.sync_folder(path)
    }

    fn sweep(&self, path: &Path) {
        FileSystem.sweep(path);
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }

    fn again(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }
}

impl Temporary for Watched {
    fn backend(&self) -> io::Result<Box<dyn StorageBackend>> {
        if let Meddling::Sweeps(times) = self.disk.meddling
            && self.disk.times.fetch_add(1, Ordering::Relaxed) < times
        {
            fs::remove_file(&self.at)?;
        }
        let again = self.reads.fetch_add(1, Ordering::Relaxed) > 0;
        if again && self.disk.meddling == Meddling::AddsARow {
            let draft = MigrationTracker::open(&self.at).unwrap();
            let node = Node::new(NodeId(2), NodeName::new("two").unwrap());
            draft.register_node(node).unwrap();
        }
        self.inner.backend()
    }

    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }

    fn publish(self: Box<Self>, path: &Path) -> io::Result<()> {
        match self.disk.meddling {
            Meddling::TakesTheName => fs::write(path, b"mine")?,
            Meddling::RemovesTheFolder => {
                self.disk.times.fetch_add(1, Ordering::Relaxed);
                fs::remove_dir_all(path.parent().unwrap())?;
            }
            Meddling::Sweeps(_) | Meddling::AddsARow => {}
        }
        self.inner.publish(path)
    }
}

fn create(meddling: Meddling) -> (tempfile::TempDir, Shared, Result<(), OpenError>) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Shared {
        meddling,
        times: Arc::new(AtomicUsize::new(0)),
    };
    let path = folder.path().join("shards.redb");
    let created =
        MigrationTracker::create_on(&disk, &path, &OpenOptions::default(), &Settings::default());
    (folder, disk, created.map(drop))
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into())
        .collect()
}

#[test]
fn who_was_quicker_keeps_the_name() {
    let (folder, _, created) = create(Meddling::TakesTheName);
    assert!(
        matches!(created, Err(OpenError::Exists { .. })),
        "{created:?}"
    );
    assert_eq!(names(folder.path()), [Path::new("shards.redb")]);
    let content = fs::read(folder.path().join("shards.redb")).unwrap();
    assert_eq!(content, b"mine");
}

#[test]
fn a_creation_that_was_swept_away_starts_again() {
    let (folder, disk, created) = create(Meddling::Sweeps(3));
    created.unwrap();
    assert_eq!(disk.times.load(Ordering::Relaxed), 4);
    MigrationTracker::open(folder.path().join("shards.redb")).unwrap();

    let (folder, disk, created) = create(Meddling::Sweeps(usize::MAX));
    assert!(
        matches!(
            &created,
            Err(OpenError::Io {
                doing: "reopening",
                ..
            })
        ),
        "{created:?}"
    );
    assert!(disk.times.load(Ordering::Relaxed) < 100, "it gives up");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_folder_that_goes_away_is_named() {
    let (_folder, disk, created) = create(Meddling::RemovesTheFolder);
    let error = created.unwrap_err();
    assert!(error.to_string().contains("shards.redb"), "{error}");
    assert_eq!(disk.times.load(Ordering::Relaxed), 1);
}

/// A backup is read again before it has its name, and compared.
#[test]
fn a_backup_that_is_not_what_was_copied_is_no_backup() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = MigrationTracker::create(folder.path().join("shards.redb")).unwrap();
    let node = Node::new(NodeId(1), NodeName::new("one").unwrap());
    tracker.register_node(node).unwrap();
    let disk = Shared {
        meddling: Meddling::AddsARow,
        times: Arc::new(AtomicUsize::new(0)),
    };
    let path = folder.path().join("monday.redb");
    let error = tracker.backup_on(&disk, &path, &mut |_| {}).unwrap_err();
    let BackupError::Differs {
        rows, found_rows, ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert!(rows < found_rows, "{error}");
    assert_eq!(names(folder.path()).len(), 1, "no backup is left");
}
