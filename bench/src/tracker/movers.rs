//! Shards that are moved, beside the tools that one would copy them with.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shardferry::executor::{Executor, ExecutorOptions};
use shardferry::movers::DirectoryMover;
use shardferry::schema::text::{Address, NodeName, ShardName};
use shardferry::store::OpenOptions;
use shardferry::{MigrationTracker, Node, NodeId, Settings, Shard, ShardId};
use tempfile::TempDir;

use super::Scale;
use super::files::{Files, digests};
use crate::Result;
use crate::rates::{Figures, short};
use crate::table::Table;

/// How long sources stay: longer than any run, so that every contestant reads the same.
const GRACE_MS: u64 = 24 * 3_600_000;

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let runs = scale.size.pick(1, 3);
    let large = Files {
        shards: scale.size.pick(2, 4),
        files_per_shard: None,
        file_bytes: scale.size.pick(1 << 20, 256 << 20),
    };
    let small = Files {
        shards: scale.size.pick(2, 4),
        files_per_shard: Some(scale.size.pick(10, 25_000)),
        file_bytes: 1 << 10,
    };
    copies(&large, runs, out)?;
    if has("rsync") {
        synchronized(&small, runs, out)?;
    } else {
        writeln!(out, "\nrsync is not there: skipped")?;
    }
    Ok(())
}

/// Beside `cp` and a comparison by digests.
fn copies(files: &Files, runs: usize, out: &mut dyn Write) -> Result<()> {
    let folder = TempDir::new()?;
    let source = source_in(folder.path(), files)?;
    let names = [
        "shardferry: copied, on the disk, verified from the disk, cut over",
        "cp -r, sync -f, BLAKE3 of both sides in the page cache",
        "cp -r, BLAKE3 of both sides in the page cache (not on the disk)",
        "cp -r, sync -f",
        "cp -r (not on the disk)",
    ];
    let mut rates = names.map(|_| Figures::default());
    for _ in 0..runs {
        let ours = moved(folder.path(), "moved", files)?;
        let to = empty(folder.path(), "copy")?;
        let copy = took(Command::new("cp").arg("-r").arg(&source).arg(&to))?;
        let sync = took(Command::new("sync").arg("-f").arg(&to))?;
        let start = Instant::now();
        if digests(&source)? != digests(&to.join("source"))? {
            return Err("the copy is another".into());
        }
        let hash = start.elapsed();
        let all = [ours, copy + sync + hash, copy + hash, copy + sync, copy];
        for (rates, time) in rates.iter_mut().zip(all) {
            rates.push(files.bytes() as f64 / 1e6 / time.as_secs_f64());
        }
    }
    let title = format!(
        "{files}, MB per second, the source in the page cache, {runs} runs in turn; target: 0.9 times \
         cp and the digests. BLAKE3 as b3sum makes it: mapped, by all threads"
    );
    print_rates(title, &names, &rates, out)
}

/// Beside `rsync -a`.
fn synchronized(files: &Files, runs: usize, out: &mut dyn Write) -> Result<()> {
    let folder = TempDir::new()?;
    let source = source_in(folder.path(), files)?;
    let names = [
        "shardferry: copied, on the disk, verified from the disk, cut over",
        "rsync -a, sync -f (not verified)",
        "rsync -a (neither on the disk nor verified)",
    ];
    let mut rates = names.map(|_| Figures::default());
    for run in 0..runs {
        // Nothing is removed in between: ext4 passes over each number of a file that went in the last
        // minutes, one by one, whenever it creates one, which takes longer than all that is measured.
        let ours = moved(folder.path(), &format!("moved-{run}"), files)?;
        let to = empty(folder.path(), &format!("copy-{run}"))?;
        let copy = took(Command::new("rsync").arg("-a").arg(&source).arg(&to))?;
        let sync = took(Command::new("sync").arg("-f").arg(&to))?;
        for (rates, time) in rates.iter_mut().zip([ours, copy + sync, copy]) {
            rates.push(files.count() as f64 / time.as_secs_f64());
        }
    }
    let title = format!(
        "{files}, files per second, the source in the page cache, {runs} runs in turn; target: 0.7 \
         times rsync"
    );
    print_rates(title, &names, &rates, out)
}

/// The first of them is ours.
fn print_rates(
    title: String,
    names: &[&str],
    rates: &[Figures],
    out: &mut dyn Write,
) -> Result<()> {
    let header = ["what", "median", "min", "max", "shardferry / it"];
    let mut table = Table::new(title, &header);
    let ours = &rates[0];
    for (name, rates) in names.iter().zip(rates) {
        let mut cells = vec![(*name).to_owned()];
        cells.extend(rates.cells());
        cells.push(short(ours.over(rates).median()));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

/// Creates the source, on the disk.
fn source_in(folder: &Path, files: &Files) -> Result<PathBuf> {
    let source = empty(folder, "source")?;
    files.create(&source)?;
    took(Command::new("sync").arg("-f").arg(&source))?;
    Ok(source)
}

/// An empty folder of this name; what is there is removed.
fn empty(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    if path.exists() {
        fs::remove_dir_all(&path)?;
        // What is removed must not be paid for by whoever comes next.
        took(Command::new("sync").arg("-f").arg(folder))?;
    }
    fs::create_dir(&path)?;
    Ok(path)
}

fn has(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

fn took(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.status()?;
    if status.success() {
        Ok(start.elapsed())
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}

/// How long an executor takes to move every shard from `source` to an empty folder, `target`.
fn moved(folder: &Path, target: &str, files: &Files) -> Result<Duration> {
    let (source, target) = (folder.join("source"), empty(folder, target)?);
    let database = TempDir::new_in(folder)?;
    let settings = Settings {
        cleanup_grace_ms: GRACE_MS,
        ..Settings::default()
    };
    let path = database.path().join("shards.redb");
    let tracker = MigrationTracker::create_with(path, &OpenOptions::default(), &settings)?;
    for (id, path) in [(1, &source), (2, &target)] {
        let mut node = Node::new(NodeId(id), NodeName::new(format!("node-{id}"))?);
        node.address = Some(Address::new(path.to_string_lossy())?);
        tracker.register_node(node)?;
    }
    for (id, name) in (1..).zip(files.names()) {
        tracker.register_shard(Shard::new(ShardId(id), ShardName::new(name)?, NodeId(1)))?;
    }
    let start = Instant::now();
    for (id, _) in (1..).zip(files.names()) {
        tracker.begin_migration(ShardId(id), NodeId(1), NodeId(2))?;
    }
    let options = ExecutorOptions::new("bench")?;
    let report = Executor::run(&tracker, &DirectoryMover::new(), &options)?;
    let took = start.elapsed();
    if report.completed == files.shards {
        Ok(took)
    } else {
        Err(format!("{} of {} shards moved", report.completed, files.shards).into())
    }
}
