//! What a loss of power would leave: nothing that a checkpoint covers is missing.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::support::*;
use crate::executor::{Interrupted, Reporter, ShardMover};
use crate::movers::DirectoryMover;
use crate::movers::directory::cursor::Cursor;
use crate::schema::text::Checkpoint;

/// For the child: where it works.
const FOLDER: &str = "SHARDFERRY_TEST_SYNC_ORDER";
/// For the child: how many files it copies.
const COUNT: &str = "SHARDFERRY_TEST_SYNC_ORDER_FILES";
/// How the child says which file its checkpoint covers last.
const SAYS: &str = "checkpoint at ";

/// Says each checkpoint by a `write` of its own, for the trace.
struct Telling(File);

impl Reporter for Telling {
    fn progress(&self, _: u64, _: Option<u64>) -> Result<(), Interrupted> {
        Ok(())
    }
    fn checkpoint(&self, cursor: Checkpoint, _: u64, _: Option<u64>) -> Result<(), Interrupted> {
        let cursor = Cursor::decode(cursor.as_bytes()).unwrap();
        let path = String::from_utf8_lossy(cursor.path.as_bytes()).into_owned();
        std::io::Write::write_all(&mut &self.0, format!("{SAYS}{path}|").as_bytes()).unwrap();
        Ok(())
    }
    fn verified(&self, _: u64, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }
    fn throttle(&self, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

/// Run by the test below, under `strace`.
#[test]
#[ignore = "the child of another test"]
fn copies_for_the_trace() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let count: usize = std::env::var(COUNT).unwrap().parse().unwrap();
    let nodes = Nodes::at(TempDir::new_in(&folder).unwrap());
    fs::create_dir(nodes.from().join("s")).unwrap();
    for at in 0..count {
        let path = nodes.from().join(format!("s/{at:05}"));
        fs::write(path, vec![b'x'; 256 * 1024]).unwrap();
    }
    let telling = Telling(File::create(Path::new(&folder).join("said")).unwrap());
    let mover = DirectoryMover::new();
    mover.copy(&nodes.job("s"), None, &telling).unwrap();
}

/// Which files were created and not synced since, as a trace goes on. Descriptors are shown with
/// their paths (`strace -y`).
#[derive(Default)]
struct Unsafe {
    files: BTreeSet<String>,
    /// Files that a call of their own made safe, and those that a sync of all did.
    synced_by_file: usize,
    synced_together: usize,
    checkpoints: usize,
}

impl Unsafe {
    fn see(&mut self, line: &str) {
        if let Some((_, said)) = line.split_once(SAYS) {
            self.checkpoints += 1;
            let at = said.split('|').next().unwrap();
            let lost: Vec<_> = self
                .files
                .iter()
                .filter(|name| name.as_str() <= at)
                .collect();
            assert!(
                lost.is_empty(),
                "a checkpoint at {at} covers {lost:?}, not synced"
            );
            return;
        }
        let failed = line.contains(") = -1 ");
        let name = |text: &str| {
            let (_, path) = text.split_once(".part/")?;
            Some(path.split(['>', '"']).next()?.to_owned())
        };
        if line.contains("pwrite64(") {
            self.files.extend(name(line));
        } else if (line.contains("fsync(") || line.contains("fdatasync(")) && !failed {
            if let Some(name) = name(line)
                && self.files.remove(&name)
            {
                self.synced_by_file += 1;
            }
        } else if line.contains("syncfs(") && !failed {
            self.synced_together += self.files.len();
            self.files.clear();
        }
    }
}

/// Traces a copy of `count` files. `None`: nothing can be traced here.
fn traced(count: usize) -> Option<Unsafe> {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    let calls = "trace=pwrite64,write,fsync,fdatasync,syncfs";
    let mut child = Command::new("strace");
    child
        .args(["-f", "-y", "-s", "200", "-e", calls, "-o"])
        .arg(&trace);
    child.arg(std::env::current_exe().unwrap()).args([
        "--exact",
        "movers::directory::tests::sync_order::copies_for_the_trace",
        "--ignored",
    ]);
    child
        .env(FOLDER, folder.path())
        .env(COUNT, count.to_string());
    child.stdout(Stdio::null()).stderr(Stdio::null());
    let status = child.status().ok()?;
    let Ok(trace) = fs::read(&trace) else {
        return None;
    };
    let trace = String::from_utf8_lossy(&trace).into_owned();
    if !status.success() && !trace.contains(".part/") {
        return None;
    }
    assert!(status.success(), "the child failed");
    let mut seen = Unsafe::default();
    trace.lines().for_each(|line| seen.see(line));
    assert!(seen.files.is_empty(), "{:?} at the end", seen.files);
    Some(seen)
}

#[test]
fn nothing_that_a_checkpoint_covers_waits_for_its_sync() {
    // Together where the file system allows, in some batches; else one by one.
    let Some(many) = traced(300) else {
        eprintln!("skipped: strace traces nothing here");
        return;
    };
    assert!(many.checkpoints > 1, "{}", many.checkpoints);
    assert_eq!(many.synced_by_file + many.synced_together, 300);
    // A few files never make others wait for the whole file system.
    let few = traced(5).unwrap();
    assert_eq!((few.synced_by_file, few.synced_together), (5, 0));
}

/// Past a checkpoint a loss of power may leave files that look complete and are not: the length and
/// time are there, the bytes are not.
#[test]
fn files_past_the_checkpoint_are_copied_again_however_complete_they_look() {
    let nodes = Nodes::new();
    fs::create_dir(nodes.from().join("s")).unwrap();
    for at in 0..200 {
        let path = nodes.from().join(format!("s/{at:03}"));
        fs::write(path, noise(at, 3000)).unwrap();
    }
    let (mover, job) = (eager(), nodes.job("s"));
    for calls in [50, 200, 333, 500] {
        mover.discard_destination(&job).unwrap();
        let first = Recorder::interrupting_at(calls);
        mover.copy(&job, None, &first).unwrap_err();
        let checkpoint = first.saved().unwrap();
        let cursor = Cursor::decode(checkpoint.cursor.as_bytes()).unwrap();
        let mut lost = 0;
        for name in entries(&nodes.part()) {
            let (from, copy) = (nodes.from().join("s").join(&name), nodes.part().join(&name));
            if name.as_bytes() <= cursor.path.as_bytes() {
                continue;
            }
            let source = fs::metadata(from).unwrap();
            fs::write(&copy, vec![0; 3000]).unwrap();
            fs::set_permissions(&copy, Permissions::from_mode(source.mode())).unwrap();
            let times = FileTimes::new().set_modified(source.modified().unwrap());
            File::options()
                .write(true)
                .open(&copy)
                .unwrap()
                .set_times(times)
                .unwrap();
            lost += 1;
        }
        let second = Recorder::from(Some(&checkpoint));
        mover.copy(&job, Some(&checkpoint), &second).unwrap();
        same(&mover, &job);
        assert!(lost > 0 || calls > 50, "nothing was past the checkpoint");
    }
}
