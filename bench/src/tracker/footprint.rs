//! Resident memory of a process that uses a large file.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use shardferry::tracker::BeginRequest;
use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

use super::history::{self, FREE_SHARD};
use super::round::round;
use super::{Scale, child};
use crate::table::Table;
use crate::{Error, Result};

/// Megabytes that it may take.
const TARGET_MB: u64 = 128;

/// Migrations that are read one by one.
const READS: usize = 20_000;

/// Migrations under way.
const ACTIVE: u64 = 1_000;

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let rows = scale.rows();
    let folder = TempDir::new()?;
    let path = folder.path().join("large.redb");
    let filled = history::create(&path, rows)?;
    let name = path.to_str().ok_or("the folder has no plain name")?;
    let rounds = scale.size.pick(10, 2_000).to_string();
    let output = child::process("footprint", &[name, &rounds])?.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let title = format!(
        "Peak of resident memory (VmHWM), MB, of a process with the default cache and {rows} ended \
         migrations in {:.0} MB; target: {TARGET_MB}. The history was imported in {filled:.1?}",
        fs::metadata(&path)?.len() as f64 / 1e6
    );
    let mut table = Table::new(title, &["after", "MB"]);
    for line in String::from_utf8(output.stdout)?.lines() {
        let (after, kilobytes) = line.split_once('\t').ok_or("no such line")?;
        let megabytes = kilobytes.parse::<f64>()? * 1024.0 / 1e6;
        table.row([after.to_owned(), format!("{megabytes:.1}")]);
    }
    Ok(table.print(out)?)
}

/// Uses the file as a database does, and says after each step how much memory was taken at most.
pub(super) fn visit(path: &Path, rounds: &str) -> Result<()> {
    let say = |after: &str| -> Result<()> {
        let kilobytes = peak_kilobytes()?;
        Ok(writeln!(io::stdout(), "{after}\t{kilobytes}")?)
    };
    say("the start")?;
    let tracker = MigrationTracker::open(path)?;
    say("open, with the integrity check")?;
    let recent = tracker.recent_migrations(READS)?;
    let ids: Vec<_> = recent.iter().map(|migration| migration.id).collect();
    drop(recent);
    for id in &ids {
        tracker.get_migration(*id)?.ok_or("it was there")?;
        tracker.history(*id)?;
    }
    say(&format!(
        "the newest {} migrations, each with its events",
        ids.len()
    ))?;
    for turn in 0..rounds.parse()? {
        round(&tracker, FREE_SHARD, turn)?;
    }
    say(&format!("{rounds} whole rounds"))?;
    let shards = FREE_SHARD + 1..=FREE_SHARD + ACTIVE;
    let requests: Vec<BeginRequest> = shards
        .map(|shard| BeginRequest::new(ShardId(shard), NodeId(1), NodeId(2)))
        .collect();
    tracker.begin_plan(&requests)?;
    for _ in 0..100 {
        tracker.active_migrations()?;
    }
    say(&format!("`active_migrations` of {ACTIVE}"))?;
    tracker.snapshot()?;
    say("a snapshot")
}

fn peak_kilobytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let line = line.ok_or_else(|| Error::from("the system does not say VmHWM"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
