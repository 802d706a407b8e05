//! From the start of a process to the list of what is unfinished, after the one before was killed.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};
use shardferry::schema::text::ExecutorName;
use shardferry::store::{Durability, OpenOptions, wal_path};
use shardferry::tracker::BeginRequest;
use shardferry::{MigrationTracker, NodeId, Settings, ShardId};
use tempfile::TempDir;

use super::history::{self, FREE_SHARD, keep_all};
use super::round::round;
use super::{Scale, child};
use crate::Result;
use crate::race::per_second;
use crate::rates::{Figures, short};
use crate::table::Table;

const DURABILITIES: [Durability; 4] = [
    Durability::Standard,
    Durability::Careful,
    Durability::FastRestart,
    Durability::WriteAhead,
];

/// The first shard of those that are unfinished.
const UNFINISHED_SHARDS: u64 = 1 << 40;

/// Migrations that an executor has in hand when it is killed.
const IN_HAND: usize = 10;

/// Whole rounds before that.
const ROUNDS: u64 = 10;

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    costs(scale, out)?;
    let runs = scale.size.pick(1, 3);
    let (ended, unfinished) = (scale.rows(), scale.size.pick(100, 10_000));
    let folder = TempDir::new()?;
    let base = folder.path().join("base.redb");
    let filled = history::create(&base, ended)?;
    let mut killed = Vec::new();
    for durability in DURABILITIES {
        let path = folder.path().join(format!("{durability:?}.redb"));
        fs::copy(&base, &path)?;
        kill_one(&path, durability, unfinished)?;
        killed.push(path);
    }
    let cases: Vec<(usize, bool)> = (0..DURABILITIES.len())
        .flat_map(|at| [(at, true), (at, false)])
        .collect();
    let mut opens = vec![Figures::default(); cases.len()];
    let mut lists = vec![Figures::default(); cases.len()];
    for _ in 0..runs {
        for (case, (at, integrity_check)) in cases.iter().enumerate() {
            let path = copy_of(&killed[*at])?;
            let (open, list) = restart_one(&path, DURABILITIES[*at], *integrity_check, unfinished)?;
            opens[case].push(open);
            lists[case].push(list);
            fs::remove_file(path)?;
        }
    }
    let title = format!(
        "Restart after SIGKILL, {ended} ended and {unfinished} unfinished, {:.0} MB, in the page cache: \
         milliseconds to open the file, and until the unfinished are listed, {runs} runs in turn; \
         targets: 1000 with the integrity check, 50 for FastRestart and WriteAhead without. The history was imported \
         in {filled:.1?}",
        fs::metadata(&killed[0])?.len() as f64 / 1e6
    );
    let header = [
        "durability",
        "integrity check",
        "open",
        "listed",
        "min",
        "max",
    ];
    let mut table = Table::new(title, &header);
    for (case, (at, integrity_check)) in cases.iter().enumerate() {
        let mut cells = vec![
            format!("{:?}", DURABILITIES[*at]),
            if *integrity_check { "yes" } else { "no" }.to_owned(),
            short(opens[case].median()),
        ];
        cells.extend(lists[case].cells());
        table.row(cells);
    }
    Ok(table.print(out)?)
}

fn options(durability: Durability, integrity_check: bool) -> OpenOptions {
    OpenOptions {
        durability,
        integrity_check,
        ..OpenOptions::default()
    }
}

fn copy_of(path: &Path) -> Result<PathBuf> {
    let copy = path.with_extension("copy");
    copy_one(path, &copy)?;
    if wal_path(path).exists() {
        copy_one(&wal_path(path), &wal_path(&copy))?;
    }
    Ok(copy)
}

fn copy_one(path: &Path, copy: &Path) -> Result<()> {
    fs::copy(path, copy)?;
    // What was written for this must not be written out while the open is timed.
    Ok(fs::File::open(copy)?.sync_all()?)
}

/// Milliseconds until a new process has the file open, and until it has the list.
fn restart_one(
    path: &Path,
    durability: Durability,
    integrity_check: bool,
    unfinished: u64,
) -> Result<(f64, f64)> {
    let path = path.to_str().ok_or("the folder has no plain name")?;
    let (durability, check) = (format!("{durability:?}"), integrity_check.to_string());
    let arguments = [path, &durability, &check, &unfinished.to_string()];
    let output = child::process("restart", &arguments)?.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let said = String::from_utf8(output.stdout)?;
    let (open, list) = said
        .trim()
        .split_once(' ')
        .ok_or("two figures are missing")?;
    Ok((open.parse()?, list.parse()?))
}

/// Opens the file, lists what is unfinished, and prints when each of them was done.
pub(super) fn restart(arguments: &[String]) -> Result<()> {
    let [path, durability, integrity_check, unfinished] = arguments else {
        return Err("path, durability, whether to check, and how many".into());
    };
    let options = options(named(durability)?, integrity_check.parse()?);
    let start = Instant::now();
    let tracker = MigrationTracker::open_with(path, &options)?;
    let open = start.elapsed();
    let found = tracker.unfinished()?.len();
    let list = start.elapsed();
    if found != unfinished.parse::<usize>()? {
        return Err(format!("{found} of {unfinished} are unfinished").into());
    }
    let [open, list] = [open, list].map(|time| time.as_secs_f64() * 1e3);
    Ok(writeln!(io::stdout(), "{open} {list}")?)
}

fn named(durability: &str) -> Result<Durability> {
    let mut durabilities = DURABILITIES.into_iter();
    let found = durabilities.find(|one| format!("{one:?}") == durability);
    Ok(found.ok_or("no such durability")?)
}

/// Has a process work on the file until it is killed.
fn kill_one(path: &Path, durability: Durability, unfinished: u64) -> Result<()> {
    let path = path.to_str().ok_or("the folder has no plain name")?;
    let arguments = [path, &format!("{durability:?}"), &unfinished.to_string()];
    let status = child::process("leave", &arguments)?.status()?;
    if status.signal() != Some(Signal::KILL.as_raw()) {
        return Err(format!("the process was to be killed, and ended with {status}").into());
    }
    Ok(())
}

/// Leaves so many migrations unfinished, some in hand with progress that the disk does not have, and
/// is killed.
pub(super) fn leave(arguments: &[String]) -> Result<()> {
    let [path, durability, unfinished] = arguments else {
        return Err("path, durability, and how many".into());
    };
    let tracker = MigrationTracker::open_with(path, &options(named(durability)?, true))?;
    tracker.set_settings(&Settings {
        progress_lag_ms_max: 60_000,
        ..keep_all()
    })?;
    let shards = UNFINISHED_SHARDS..UNFINISHED_SHARDS + unfinished.parse::<u64>()?;
    let requests: Vec<BeginRequest> = shards
        .map(|shard| BeginRequest::new(ShardId(shard), NodeId(1), NodeId(2)))
        .collect();
    let ids = tracker.begin_plan(&requests)?;
    for turn in 0..ROUNDS {
        round(&tracker, FREE_SHARD, turn)?;
    }
    let executor = ExecutorName::new("bench")?;
    let mut claims = Vec::new();
    for id in ids.iter().take(IN_HAND) {
        claims.push(tracker.claim(*id, &executor)?);
    }
    for bytes in 0..100 {
        for claim in &claims {
            claim.report(bytes, None, None)?;
        }
    }
    kill_process(getpid(), Signal::KILL)?;
    Err("still there".into())
}

/// What each durability costs while all goes well.
fn costs(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let each = scale
        .size
        .pick(Duration::from_millis(20), Duration::from_secs(2));
    let runs = scale.size.pick(2, 5);
    let mut rates = DURABILITIES.map(|_| Figures::default());
    for _ in 0..runs {
        for (durability, rates) in DURABILITIES.iter().zip(&mut rates) {
            let folder = TempDir::new()?;
            let path = folder.path().join("shards.redb");
            let options = options(*durability, true);
            let tracker = MigrationTracker::create_with(path, &options, &Settings::default())?;
            rates.push(per_second(1, each, |_, nth| {
                tracker.begin_migration(ShardId(nth), NodeId(1), NodeId(2))?;
                Ok(())
            })?);
        }
    }
    let title = format!(
        "Microseconds for each begin of one caller, by durability: {runs} runs of {each:?} in turn"
    );
    let mut table = Table::new(
        title,
        &[
            "durability",
            "microseconds",
            "begins per second",
            "min",
            "max",
        ],
    );
    for (durability, rates) in DURABILITIES.iter().zip(&rates) {
        let mut cells = vec![format!("{durability:?}"), short(1e6 / rates.median())];
        cells.extend(rates.cells());
        table.row(cells);
    }
    Ok(table.print(out)?)
}
