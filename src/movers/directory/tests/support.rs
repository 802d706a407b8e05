//! Two nodes, a shard, and a reporter that can interrupt.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::executor::{Endpoint, Interrupted, Job, MoverError, Reporter, ShardMover};
use crate::movers::directory::{DirectoryMover, Tuning, names};
use crate::schema::text::{Address, Checkpoint, ShardName};
use crate::schema::v1::{FailureClass, SavedCheckpoint, Side};
use crate::schema::{Epoch, MigrationId, NodeId, ShardId};

/// A mover that checkpoints at every turn, so that small trees have many of them.
pub(super) fn eager() -> DirectoryMover {
    DirectoryMover {
        marks_required: false,
        tuning: Tuning {
            chunk_bytes: 4096,
            sync_bytes: 8192,
            batch_files: 2,
            batch_folders: 2,
            batch_bytes: 16384,
            one_by_one_max: 1,
            together_max: 3,
            begin_bytes: 4096,
        },
    }
}

/// Two nodes.
pub(super) struct Nodes {
    pub(super) root: TempDir,
    pub(super) migration: MigrationId,
}

impl Nodes {
    pub(super) fn new() -> Self {
        Self::at(TempDir::new().unwrap())
    }

    /// In memory where that is possible: for tests that sync thousands of times.
    pub(super) fn in_memory() -> Self {
        Self::at(
            TempDir::new_in("/dev/shm")
                .or_else(|_| TempDir::new())
                .unwrap(),
        )
    }

    pub(super) fn at(root: TempDir) -> Self {
        fs::create_dir(root.path().join("from")).unwrap();
        fs::create_dir(root.path().join("to")).unwrap();
        let migration = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        Self { root, migration }
    }

    pub(super) fn from(&self) -> PathBuf {
        self.root.path().join("from")
    }

    pub(super) fn to(&self) -> PathBuf {
        self.root.path().join("to")
    }

    pub(super) fn part(&self) -> PathBuf {
        self.to().join(names::part(self.migration))
    }

    pub(super) fn released(&self) -> PathBuf {
        self.from().join(names::released(self.migration))
    }

    pub(super) fn job(&self, name: impl AsRef<[u8]>) -> Job {
        Job {
            migration: self.migration,
            epoch: Epoch(1),
            shard: ShardId(7),
            shard_name: Some(ShardName::new(name.as_ref()).unwrap()),
            from: endpoint(1, &self.from()),
            to: endpoint(2, &self.to()),
        }
    }
}

pub(super) fn endpoint(node: u64, path: &Path) -> Endpoint {
    Endpoint {
        node: NodeId(node),
        name: None,
        address: Some(Address::new(path.to_str().unwrap()).unwrap()),
    }
}

/// Everything that a shard can have.
pub(super) fn rich_tree(top: &Path) {
    fs::create_dir_all(top.join("a/b/c/d/e")).unwrap();
    fs::create_dir(top.join("empty folder")).unwrap();
    fs::write(top.join("empty"), b"").unwrap();
    fs::write(top.join("a/small"), b"small").unwrap();
    // Sorts before `a/...` byte by byte, and after it in the walk.
    fs::write(top.join("a.before-slash"), noise(3, 100)).unwrap();
    fs::write(top.join("a/b/c/d/e/deep"), noise(1, 20_000)).unwrap();
    fs::write(top.join("large"), noise(2, 100_001)).unwrap();
    fs::write(top.join(OsStr::from_bytes(b"\xff\xfe not utf-8\n")), b"x").unwrap();
    fs::write(top.join("zeros"), vec![0; 70_000]).unwrap();
    sparse(&top.join("sparse"));
    sparse_with_hole_at_the_end(&top.join("z-sparse"));
    symlink("small", top.join("a/link")).unwrap();
    symlink("/nowhere/at all", top.join("dangling")).unwrap();
    symlink("/etc", top.join("link to a folder")).unwrap();
    symlink(OsStr::from_bytes(b"\xff"), top.join("link-not-utf8")).unwrap();
    fs::create_dir(top.join("read-only")).unwrap();
    fs::create_dir(top.join("read-only/inner")).unwrap();
    fs::write(top.join("read-only/inner/file"), b"kept").unwrap();
    fs::write(top.join("setuid"), b"#!").unwrap();
    mode(&top.join("setuid"), 0o4755);
    mode(&top.join("a/small"), 0o640);
    if is_root() {
        fs::write(top.join("mode-0000"), b"secret").unwrap();
        mode(&top.join("mode-0000"), 0o000);
    }
    fs::create_dir(top.join("shared")).unwrap();
    mode(&top.join("shared"), 0o1777);
    mtime(&top.join("a/small"), 1_000_000_007, 123_456_789);
    mtime(&top.join("large"), 1_500_000_000, 1);
    for folder in ["read-only/inner", "read-only"] {
        mode(&top.join(folder), 0o555);
    }
    for folder in ["a/b", "a", "read-only", "empty folder", ""] {
        mtime(&top.join(folder), 1_234_567_890, 987_654_321);
    }
}

pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

pub(super) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub(super) fn mtime(path: &Path, seconds: u64, nanoseconds: u32) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    File::open(path).unwrap().set_modified(time).unwrap();
}

/// 8 MiB long, with data at odd places.
fn sparse(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(8 << 20).unwrap();
    file.write_all_at(&noise(4, 5000), 1_000_001).unwrap();
    file.write_all_at(&noise(5, 9), (8 << 20) - 9).unwrap();
    file.sync_all().unwrap();
}

fn sparse_with_hole_at_the_end(path: &Path) {
    let file = File::create(path).unwrap();
    file.write_all_at(&noise(6, 30_000), 65_536).unwrap();
    file.set_len(4_000_001).unwrap();
    file.sync_all().unwrap();
}

/// Bytes that look random and are the same for the same seed.
pub(super) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// One line for each entry with all that is kept, sorted, from an independent walk.
pub(super) fn listing(top: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut todo = vec![top.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let relative = path.strip_prefix(top).unwrap();
        let contents = if meta.is_symlink() {
            format!("-> {:?}", fs::read_link(&path).unwrap())
        } else if meta.is_file() {
            blake3::hash(&fs::read(&path).unwrap()).to_string()
        } else {
            todo.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            String::new()
        };
        lines.push(format!(
            "{relative:?} {:o} {}.{:09} {} {contents}",
            meta.mode(),
            meta.mtime(),
            meta.mtime_nsec(),
            if meta.is_dir() { 0 } else { meta.len() },
        ));
    }
    lines.sort();
    lines
}

/// Checks the contract of every report, and interrupts at the call it is told.
#[derive(Default)]
pub(super) struct Recorder {
    /// Interrupt at this call, counted from zero.
    pub(super) interrupt_at: Option<usize>,
    /// Whether a last checkpoint is taken after that, as by an executor that stops; else the
    /// attempt is lost, as by one that died.
    pub(super) takes_last: bool,
    pub(super) seen: Mutex<Seen>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) calls: usize,
    pub(super) checkpoints: usize,
    pub(super) last: Option<SavedCheckpoint>,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) throttled: u64,
    pub(super) verified: u64,
}

impl Recorder {
    pub(super) fn interrupting_at(call: usize) -> Self {
        Self {
            interrupt_at: Some(call),
            ..Self::default()
        }
    }

    /// As the tracker does at a claim: the attempt begins at the checkpoint.
    pub(super) fn from(checkpoint: Option<&SavedCheckpoint>) -> Self {
        let this = Self::default();
        this.seen.lock().unwrap().done = checkpoint.map_or(0, |saved| saved.bytes_migrated);
        this
    }

    fn call(&self, seen: &mut Seen) -> Result<(), Interrupted> {
        let call = seen.calls;
        seen.calls += 1;
        match self.interrupt_at {
            Some(at) if call == at => Err(Interrupted),
            Some(at) => {
                assert!(call < at, "called again after it interrupted");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn moved(seen: &mut Seen, done: u64, total: Option<u64>) {
        let total = total.expect("the total is known");
        assert!(done >= seen.done, "{done} after {}", seen.done);
        assert!(total >= seen.total, "the total went back");
        assert!(done <= total, "{done} of {total}");
        seen.done = done;
        seen.total = total;
    }

    pub(super) fn calls(&self) -> usize {
        self.seen.lock().unwrap().calls
    }

    pub(super) fn saved(&self) -> Option<SavedCheckpoint> {
        self.seen.lock().unwrap().last.clone()
    }
}

impl Reporter for Recorder {
    fn progress(&self, done: u64, total: Option<u64>) -> Result<(), Interrupted> {
        let mut seen = self.seen.lock().unwrap();
        Self::moved(&mut seen, done, total);
        self.call(&mut seen)
    }

    fn checkpoint(
        &self,
        cursor: Checkpoint,
        done: u64,
        total: Option<u64>,
    ) -> Result<(), Interrupted> {
        let mut seen = self.seen.lock().unwrap();
        let interrupted = self.interrupt_at.is_some_and(|at| seen.calls > at);
        if interrupted && !self.takes_last {
            return Err(Interrupted);
        }
        Self::moved(&mut seen, done, total);
        seen.checkpoints += 1;
        seen.last = Some(SavedCheckpoint {
            cursor,
            bytes_migrated: done,
        });
        if interrupted {
            return Err(Interrupted);
        }
        self.call(&mut seen)
    }

    fn verified(&self, done: u64, total: u64) -> Result<(), Interrupted> {
        let mut seen = self.seen.lock().unwrap();
        assert!(done >= seen.verified && done <= total);
        seen.verified = done;
        self.call(&mut seen)
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        let mut seen = self.seen.lock().unwrap();
        seen.throttled += bytes;
        self.call(&mut seen)
    }
}

/// Both sides, which must be the same.
pub(super) fn same(mover: &DirectoryMover, job: &Job) -> Side {
    let proof = mover.verify(job, &Recorder::default()).unwrap();
    assert_eq!(proof.source, proof.destination);
    proof.source
}

pub(super) fn copy(mover: &DirectoryMover, job: &Job) {
    mover.copy(job, None, &Recorder::default()).unwrap();
}

/// A refusal that stays, and what it says.
pub(super) fn permanent(result: Result<(), MoverError>) -> String {
    failed(result, FailureClass::Permanent)
}

pub(super) fn retriable(result: Result<(), MoverError>) -> String {
    failed(result, FailureClass::Retriable)
}

fn failed(result: Result<(), MoverError>, expected: FailureClass) -> String {
    match result {
        Err(MoverError::Failed { class, reason, .. }) => {
            assert_eq!(class, expected, "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
