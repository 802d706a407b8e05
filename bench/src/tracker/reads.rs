//! Reads per second, while others write; the list of what is under way, beside a long history.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

use super::Scale;
use super::history::{self, FREE_SHARD};
use crate::Result;
use crate::race::{beside, per_second};
use crate::rates::{Figures, short, times};
use crate::table::Table;

/// Threads that begin migrations meanwhile.
const WRITERS: u64 = 4;

/// Shards that have a migration under way.
const ACTIVE: u64 = 10;

/// Point reads of a thread per second that are asked for.
const READS: f64 = 1_000_000.0;

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let each = scale
        .size
        .pick(Duration::from_millis(20), Duration::from_secs(2));
    let runs = scale.size.pick(2, 5);
    point_reads(each, runs, out)?;
    lists(scale, each, runs, out)
}

fn point_reads(each: Duration, runs: usize, out: &mut dyn Write) -> Result<()> {
    let cases = [(1, 0), (1, WRITERS), (2, 0), (2, WRITERS)];
    let mut rates = cases.map(|_| Figures::default());
    let mut begins = cases.map(|_| Figures::default());
    for _ in 0..runs {
        for (at, (readers, writers)) in cases.iter().enumerate() {
            let (reads, written) = reads(*readers, *writers, each)?;
            rates[at].push(reads / *readers as f64);
            begins[at].push(written);
        }
    }
    let title = format!(
        "`is_shard_migrating` per second and thread, half of the shards are: {runs} runs of {each:?} in \
         turn; target: {READS:.0}"
    );
    let header = [
        "readers",
        "writers",
        "median",
        "min",
        "max",
        "x target",
        "begins per second",
    ];
    let mut table = Table::new(title, &header);
    for (at, (readers, writers)) in cases.iter().enumerate() {
        let mut cells = vec![readers.to_string(), writers.to_string()];
        cells.extend(rates[at].cells());
        cells.push(times(rates[at].median(), READS));
        cells.push(begins[at].cell());
        table.row(cells);
    }
    Ok(table.print(out)?)
}

/// Reads per second of all readers, begins per second of all writers.
fn reads(readers: u64, writers: u64, each: Duration) -> Result<(f64, f64)> {
    let folder = TempDir::new()?;
    let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    begin(&tracker, 0, ACTIVE)?;
    beside(
        writers,
        |writer, nth| {
            let shard = ((writer + 1) << 32) + nth;
            tracker.begin_migration(ShardId(shard), NodeId(1), NodeId(2))?;
            Ok(())
        },
        || {
            per_second(readers, each, |_, nth| {
                let shard = nth % (2 * ACTIVE);
                if tracker.is_shard_migrating(ShardId(shard))? == (shard < ACTIVE) {
                    Ok(())
                } else {
                    Err("the answer is wrong".into())
                }
            })
        },
    )
}

fn lists(scale: Scale, each: Duration, runs: usize, out: &mut dyn Write) -> Result<()> {
    let folder = TempDir::new()?;
    let sizes = [1_000, scale.rows()];
    let mut trackers = Vec::new();
    for (at, ended) in sizes.iter().enumerate() {
        trackers.push(with_history(&folder.path().join(at.to_string()), *ended)?);
    }
    let mut figures = [Figures::default(), Figures::default()];
    for _ in 0..runs {
        for (tracker, figures) in trackers.iter().zip(&mut figures) {
            let rate = per_second(1, each, |_, _| {
                match tracker.active_migrations()?.len() as u64 {
                    ACTIVE => Ok(()),
                    other => Err(format!("{other} migrations are under way").into()),
                }
            })?;
            figures.push(1e6 / rate);
        }
    }
    let title = format!(
        "`active_migrations` of {ACTIVE} under way, microseconds: {runs} runs of {each:?} in turn; \
         target: at most 1.5 times"
    );
    let mut table = Table::new(title, &["ended", "median", "min", "max", "times"]);
    for (ended, each) in sizes.iter().zip(&figures) {
        let mut cells = vec![ended.to_string()];
        cells.extend(each.cells());
        cells.push(short(each.over(&figures[0]).median()));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

fn with_history(path: &Path, ended: u64) -> Result<MigrationTracker> {
    history::create(path, ended)?;
    let tracker = MigrationTracker::open(path)?;
    begin(&tracker, FREE_SHARD, ACTIVE)?;
    Ok(tracker)
}

fn begin(tracker: &MigrationTracker, first: u64, shards: u64) -> Result<()> {
    for shard in first..first + shards {
        tracker.begin_migration(ShardId(shard), NodeId(1), NodeId(2))?;
    }
    Ok(())
}
