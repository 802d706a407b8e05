//! How much larger than its contents a file gets that is written to for long, while others plan.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::store::{Durability, OpenOptions, wal_path};
use shardferry::{MigrationTracker, Settings};
use tempfile::TempDir;

use super::Scale;
use super::registry::{self, SHARDS};
use super::round::{CHANGES, round};
use crate::Result;
use crate::race::{beside, each};
use crate::rates::{short, times};
use crate::table::Table;

const WRITERS: u64 = 64;

/// Between two plans.
const WAIT: Duration = Duration::from_millis(100);

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    for durability in [Durability::Standard, Durability::WriteAhead] {
        soak(durability, scale, out)?;
    }
    Ok(())
}

fn soak(durability: Durability, scale: Scale, out: &mut dyn Write) -> Result<()> {
    let changes = scale.rows();
    let rounds = (changes as f64 / CHANGES).ceil() as u64;
    let folder = TempDir::new()?;
    let path = folder.path().join("shards.redb");
    let options = OpenOptions {
        durability,
        ..OpenOptions::default()
    };
    let tracker = MigrationTracker::create_with(&path, &options, &Settings::default())?;
    registry::register(&tracker)?;
    let title = format!(
        "{durability:?}: {changes} durable changes by {WRITERS} writers of whole rounds, planning beside \
         them, the default settings, {SHARDS} registered shards: MB of the file and its log, of a backup, \
         and of all keys and values (files grow in steps); target: at most 4 times"
    );
    let header = [
        "changes",
        "per second",
        "plans per second",
        "file",
        "backup",
        "file / backup",
        "rows",
        "file / rows",
    ];
    let mut table = Table::new(title, &header);
    let done: Vec<AtomicU64> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let looks = scale.size.pick(1, 5);
    for look in 1..=looks {
        let until = rounds * look / looks;
        let started = Instant::now();
        let before = total(&done);
        let ((), plans) = beside(
            1,
            |_, _| {
                registry::plan(&tracker)?;
                thread::sleep(WAIT);
                Ok(())
            },
            || write(&tracker, &done, until),
        )?;
        let rate = (total(&done) - before) as f64 * CHANGES / started.elapsed().as_secs_f64();
        let log = fs::metadata(wal_path(&path)).map_or(0, |log| log.len());
        let file = (fs::metadata(&path)?.len() + log) as f64;
        let (backup, rows) = live_bytes(&tracker, folder.path())?;
        table.row([
            short(total(&done) as f64 * CHANGES),
            short(rate),
            short(plans),
            short(file / 1e6),
            short(backup / 1e6),
            times(file, backup),
            short(rows / 1e6),
            times(file, rows),
        ]);
    }
    Ok(table.print(out)?)
}

fn total(done: &[AtomicU64]) -> u64 {
    done.iter().map(|done| done.load(Ordering::Relaxed)).sum()
}

/// Until so many rounds are done, all writers together.
fn write(tracker: &MigrationTracker, done: &[AtomicU64], until: u64) -> Result<()> {
    each(WRITERS, |writer| {
        let mine = &done[usize::try_from(writer)?];
        for turn in mine.load(Ordering::Relaxed)..until.div_ceil(WRITERS) {
            round(tracker, writer, turn)?;
            mine.store(turn + 1, Ordering::Relaxed);
        }
        Ok(())
    })
}

/// Bytes of a backup, and of the keys and values in it.
fn live_bytes(tracker: &MigrationTracker, folder: &Path) -> Result<(f64, f64)> {
    let path = folder.join("backup.redb");
    let report = tracker.backup(&path)?;
    let bytes = fs::metadata(&path)?.len();
    fs::remove_file(&path)?;
    Ok((bytes as f64, report.bytes as f64))
}
