//! What a transition costs beside a long history.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use shardferry::{MigrationTracker, Settings};
use tempfile::TempDir;

use super::Scale;
use super::history::{self, FREE_SHARD, keep_all};
use super::round::{CHANGES, round};
use crate::Result;
use crate::race::{each, per_second};
use crate::rates::{Figures, short};
use crate::table::Table;

const CALLERS: [u64; 2] = [1, 64];

/// What is in the file.
#[derive(Clone, Copy, PartialEq)]
enum Case {
    Short,
    Long,
    /// As many as are kept: each that ends removes the oldest.
    Pruned,
}

const CASES: [Case; 3] = [Case::Short, Case::Long, Case::Pruned];

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let each = scale
        .size
        .pick(Duration::from_millis(50), Duration::from_secs(2));
    let runs = scale.size.pick(2, 5);
    let (few, many) = (scale.size.pick(100, 10_000), scale.rows());
    let folder = TempDir::new()?;
    let large = folder.path().join("large.redb");
    let filled = history::create(&large, many)?;
    let bytes_before = fs::metadata(&large)?.len();
    let tracker = MigrationTracker::open(&large)?;
    let settings = |case| Settings {
        retention_count_max: (case == Case::Pruned).then_some(many),
        ..Settings::default()
    };
    let mut costs = CASES.map(|_| CALLERS.map(|_| Figures::default()));
    let mut first_shard = FREE_SHARD;
    for run in 0..runs {
        for (at, case) in CASES.iter().enumerate() {
            for (by, callers) in CALLERS.iter().enumerate() {
                let cost = if *case == Case::Short {
                    let small = folder.path().join(format!("{run}-{callers}.redb"));
                    beside_few(&small, few, *callers, each)?
                } else {
                    tracker.set_settings(&settings(*case))?;
                    first_shard += callers;
                    microseconds(&tracker, first_shard, *callers, each)?
                };
                costs[at][by].push(cost);
            }
        }
    }
    drop(tracker);
    let title = format!(
        "Microseconds for each durable change of whole rounds, by the clock: {runs} runs of {each:?} \
         in turn; target: at most 1.5 times. The history of {many} was imported in {filled:.1?}"
    );
    let header = ["callers", "ended", "median", "min", "max", "times"];
    let mut table = Table::new(title, &header);
    for (by, callers) in CALLERS.iter().enumerate() {
        for (at, case) in CASES.iter().enumerate() {
            let ended = match case {
                Case::Short => few.to_string(),
                Case::Long => format!("{many}, all kept"),
                Case::Pruned => format!("{many}, no more kept"),
            };
            let mut cells = vec![callers.to_string(), ended];
            cells.extend(costs[at][by].cells());
            cells.push(short(costs[at][by].over(&costs[0][by]).median()));
            table.row(cells);
        }
    }
    table.print(out)?;
    sizes(folder.path(), few, many, bytes_before, out)
}

fn beside_few(path: &Path, ended: u64, callers: u64, each: Duration) -> Result<f64> {
    history::create(path, ended)?;
    let tracker = MigrationTracker::open(path)?;
    let cost = microseconds(&tracker, FREE_SHARD, callers, each)?;
    drop(tracker);
    fs::remove_file(path)?;
    Ok(cost)
}

fn microseconds(
    tracker: &MigrationTracker,
    first_shard: u64,
    callers: u64,
    each: Duration,
) -> Result<f64> {
    let rounds = per_second(callers, each, |caller, nth| {
        round(tracker, first_shard + caller, nth)
    })?;
    Ok(1e6 / (rounds * CHANGES))
}

/// Bytes of a file for each ended migration in it.
fn sizes(folder: &Path, few: u64, many: u64, imported: u64, out: &mut dyn Write) -> Result<()> {
    let path = folder.join("lived.redb");
    let tracker = MigrationTracker::create_with(&path, &Default::default(), &keep_all())?;
    let callers = 64;
    each(callers, |caller| {
        (0..few / callers).try_for_each(|nth| round(&tracker, caller, nth))
    })?;
    drop(tracker);
    let lived = few / callers * callers;
    let title = "File size: MB, and bytes for each ended migration with its six events";
    let mut table = Table::new(title, &["file", "ended", "MB", "bytes for each"]);
    let lived_bytes = fs::metadata(&path)?.len();
    for (what, ended, bytes) in [
        ("rounds of 64 callers", lived, lived_bytes),
        ("imported", many, imported),
    ] {
        table.row([
            what.to_owned(),
            ended.to_string(),
            short(bytes as f64 / 1e6),
            short(bytes as f64 / ended.max(1) as f64),
        ]);
    }
    Ok(table.print(out)?)
}
