//! The directory mover, with real folders.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use shardferry::NodeId;
use shardferry::executor::{Job, ShardMover};
use shardferry::movers::DirectoryMover;
use shardferry::movers::directory::is_temporary_name;
use shardferry::testkit::mover::{
    BYSTANDER, BYSTANDER_NAME, DESTINATION, Look, Options, Report, SHARD, SHARD_NAME, SOURCE,
    World, WorldError, Write, conformance,
};
use tempfile::TempDir;

use super::{in_memory, options};

const MIB: u64 = 1 << 20;

/// Two folders as nodes.
struct Folders {
    root: TempDir,
    writes: AtomicU64,
}

impl Folders {
    fn new() -> Result<Self, WorldError> {
        let root = match in_memory() {
            Some(folder) => TempDir::new_in(folder)?,
            None => TempDir::new()?,
        };
        let this = Self {
            root,
            writes: AtomicU64::new(0),
        };
        let shard = this.node(SOURCE).join(SHARD_NAME);
        fs::create_dir_all(shard.join("inner/most"))?;
        fs::create_dir_all(this.node(DESTINATION).join(BYSTANDER_NAME))?;
        fs::write(
            this.node(DESTINATION).join(BYSTANDER_NAME).join("file"),
            "by",
        )?;
        // Long enough for a checkpoint in the middle, and mostly a hole.
        let large = File::create(shard.join("a-large"))?;
        large.write_all_at(b"beginning", 0)?;
        large.write_all_at(&vec![7; 2_500_000], 16 * MIB)?;
        for name in ["b", "inner/c", "inner/most/d", "small"] {
            fs::write(shard.join(name), name)?;
        }
        symlink("../small", shard.join("inner/link"))?;
        Ok(this)
    }

    fn node(&self, node: NodeId) -> PathBuf {
        self.root.path().join(node.to_string())
    }
}

impl World for Folders {
    fn mover(&self) -> Box<dyn ShardMover> {
        Box::new(DirectoryMover::new())
    }

    fn address(&self, node: NodeId) -> Option<String> {
        self.node(node).to_str().map(str::to_owned)
    }

    fn look(&self, node: NodeId) -> Result<Look, WorldError> {
        let mut look = Look::default();
        for entry in fs::read_dir(self.node(node))? {
            let entry = entry?;
            let name = entry.file_name();
            if name == SHARD_NAME {
                look.served.insert(SHARD, digest(&entry.path())?);
            } else if name == BYSTANDER_NAME {
                look.served.insert(BYSTANDER, digest(&entry.path())?);
            } else {
                look.left_over.push(name.to_string_lossy().into_owned());
            }
        }
        Ok(look)
    }

    fn write(&self, node: NodeId) -> Option<Result<Write, WorldError>> {
        let file = self.node(node).join(SHARD_NAME).join("small");
        if !file.exists() {
            return Some(Ok(Write::Refused));
        }
        let nth = self.writes.fetch_add(1, Ordering::SeqCst);
        let written = fs::write(file, format!("write {nth}")).map(|()| Write::Done);
        Some(written.map_err(WorldError::from))
    }

    fn damage(&self, _: &Job) -> Option<Result<(), WorldError>> {
        Some(damage(&self.node(DESTINATION)))
    }
}

/// One bit of the copy that does not serve yet; the time of the file stays as it was.
fn damage(node: &Path) -> Result<(), WorldError> {
    for entry in fs::read_dir(node)? {
        let entry = entry?;
        if is_temporary_name(&entry.file_name()) {
            let file = File::options()
                .write(true)
                .open(entry.path().join("inner/c"))?;
            let time = file.metadata()?.modified()?;
            file.write_all_at(b"\xff", 1)?;
            file.set_modified(time)?;
        }
    }
    Ok(())
}

/// All that is kept of a tree. Of the large file its length, its beginning and its end are read.
fn digest(top: &Path) -> Result<String, WorldError> {
    let mut lines = Vec::new();
    let mut todo = vec![top.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path)?;
        let mut hasher = blake3::Hasher::new();
        if meta.is_dir() {
            for entry in fs::read_dir(&path)? {
                todo.push(entry?.path());
            }
        } else if meta.is_symlink() {
            hasher.update(fs::read_link(&path)?.as_os_str().as_encoded_bytes());
        } else {
            let file = File::open(&path)?;
            let mut buffer = vec![0; 64 << 10];
            for at in [0, meta.len().saturating_sub(64 << 10)] {
                let count = file.read_at(&mut buffer, at)?;
                hasher.update(&buffer[..count]);
            }
        }
        let len = if meta.is_dir() { 0 } else { meta.len() };
        let name = path.strip_prefix(top)?.display().to_string();
        lines.push(format!(
            "{name} {:o} {len} {}",
            meta.mode(),
            hasher.finalize()
        ));
    }
    lines.sort();
    Ok(blake3::hash(lines.join("\n").as_bytes()).to_string())
}

fn pass(options: &Options) -> Report {
    let report = conformance(Folders::new, options).unwrap_or_else(|failure| panic!("{failure}"));
    eprintln!("{report}");
    assert!(report.crash_points > 50, "{report}");
    assert!(report.cases.len() > 200, "{report}");
    report
}

#[test]
fn the_directory_mover_passes() {
    let report = pass(&options());
    for case in ["damage", "write: after copy", "crash again and again"] {
        assert!(report.cases.iter().any(|name| name == case), "{case}");
    }
}

/// Every report is a boundary.
#[test]
#[ignore = "long: cargo test --test it conformance::directory -- --ignored"]
fn the_directory_mover_passes_at_every_report() {
    let report = pass(&Options {
        reports_max: usize::MAX,
        ..options()
    });
    assert_eq!(report.reports_left_out, 0, "{report}");
}
