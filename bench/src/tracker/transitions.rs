//! Durable transitions per second, beside other stores in the same folder.

use std::io::Write;
use std::time::{Duration, Instant};

use shardferry::tracker::BeginRequest;
use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

use super::Scale;
use super::round::{CHANGES, round};
use crate::race::per_second;
use crate::rates::{Figures, short};
use crate::stores::Kind;
use crate::table::Table;
use crate::{Result, Size};

/// Callers at the same time.
const CALLERS: [u64; 4] = [1, 8, 64, 256];

/// What shardferry should be, by callers: so many times another.
const TARGETS: [(u64, &str); 4] = [
    (1, "0.75 x raw, 1.2 x LMDB, 0.7 x SQLite"),
    (8, "-"),
    (64, "8 x raw, 8 x redb, 7 x SQLite"),
    (256, "12 x raw"),
];

struct Length {
    each: Duration,
    runs: usize,
    /// Moves of a plan.
    plan: u64,
}

impl Length {
    fn of(size: Size) -> Self {
        size.pick(
            Self {
                each: Duration::from_millis(20),
                runs: 2,
                plan: 100,
            },
            Self {
                each: Duration::from_secs(2),
                runs: 5,
                plan: 10_000,
            },
        )
    }
}

/// The rates of one kind of store under so many callers.
struct Contestant {
    kind: Kind,
    callers: u64,
    rates: Figures,
}

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let length = Length::of(scale.size);
    let mut contestants: Vec<Contestant> = Vec::new();
    for callers in CALLERS {
        for kind in Kind::with_callers(callers) {
            contestants.push(Contestant {
                kind: *kind,
                callers,
                rates: Figures::default(),
            });
        }
    }
    let mut rounds = CALLERS.map(|_| Figures::default());
    let mut plans = Figures::default();
    for _ in 0..length.runs {
        for contestant in &mut contestants {
            let rate = begins(contestant.kind, contestant.callers, length.each)?;
            contestant.rates.push(rate);
        }
        for (callers, rates) in CALLERS.iter().zip(&mut rounds) {
            rates.push(whole_rounds(*callers, length.each)?);
        }
        plans.push(begin_plan(length.plan)?);
    }
    print_begins(&contestants, &length, out)?;
    print_ratios(&contestants, out)?;
    print_rounds(&rounds, &contestants, &length, out)?;
    let title = format!(
        "`begin_plan` of {} moves in one call, transitions per second, {} runs; target: 150,000",
        length.plan, length.runs
    );
    let mut table = Table::new(title, &["median", "min", "max"]);
    table.row(plans.cells());
    Ok(table.print(out)?)
}

fn print_begins(contestants: &[Contestant], length: &Length, out: &mut dyn Write) -> Result<()> {
    let title = format!(
        "Begins of migrations per second, each on the disk before its caller goes on: {} runs of \
         {:?} in turn, each in a new file",
        length.runs, length.each
    );
    let mut table = Table::new(
        title,
        &["callers", "store", "median", "min", "max", "x raw"],
    );
    for one in contestants {
        let raw = rates_of(contestants, one.callers, &[Kind::Raw]);
        let mut cells = vec![one.callers.to_string(), one.kind.name().to_owned()];
        cells.extend(one.rates.cells());
        cells.push(short(one.rates.over(raw).median()));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

fn print_ratios(contestants: &[Contestant], out: &mut dyn Write) -> Result<()> {
    let title = "Begins of shardferry: how many times those of the others (of each run beside \
                 those of the same run)";
    let header = [
        "callers",
        "raw",
        "SQLite, the faster",
        "LMDB",
        "fjall",
        "redb, a transaction each",
        "target",
    ];
    let mut table = Table::new(title, &header);
    for (callers, target) in TARGETS {
        let ours = rates_of(contestants, callers, &[Kind::Shardferry]);
        let beside = |kinds: &[Kind]| ours.over(rates_of(contestants, callers, kinds)).cell();
        table.row([
            callers.to_string(),
            beside(&[Kind::Raw]),
            beside(&[Kind::SqliteShared, Kind::SqliteEach]),
            beside(&[Kind::Lmdb]),
            beside(&[Kind::Fjall]),
            beside(&[Kind::Redb]),
            target.to_owned(),
        ]);
    }
    Ok(table.print(out)?)
}

fn print_rounds(
    rounds: &[Figures],
    contestants: &[Contestant],
    length: &Length,
    out: &mut dyn Write,
) -> Result<()> {
    let title = format!(
        "Whole rounds (begin, claim, begin of verification, evidence, complete, settled cleanup), \
         durable changes per second, {} runs of {:?}",
        length.runs, length.each
    );
    let mut table = Table::new(title, &["callers", "median", "min", "max", "x raw"]);
    for (callers, rates) in CALLERS.iter().zip(rounds) {
        let raw = rates_of(contestants, *callers, &[Kind::Raw]);
        let mut cells = vec![callers.to_string()];
        cells.extend(rates.cells());
        cells.push(short(rates.over(raw).median()));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

/// The rates of the fastest of these kinds.
fn rates_of<'a>(contestants: &'a [Contestant], callers: u64, kinds: &[Kind]) -> &'a Figures {
    static NONE: Figures = Figures::none();
    contestants
        .iter()
        .filter(|one| one.callers == callers && kinds.contains(&one.kind))
        .map(|one| &one.rates)
        .max_by(|one, other| one.median().total_cmp(&other.median()))
        .unwrap_or(&NONE)
}

fn begins(kind: Kind, callers: u64, each: Duration) -> Result<f64> {
    let folder = TempDir::new()?;
    let store = kind.create(folder.path(), callers)?;
    per_second(kind.threads(callers), each, |caller, nth| {
        store.begin(caller, (caller << 32) + nth)
    })
}

fn whole_rounds(callers: u64, each: Duration) -> Result<f64> {
    let folder = TempDir::new()?;
    let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    let rounds = per_second(callers, each, |caller, nth| round(&tracker, caller, nth))?;
    Ok(rounds * CHANGES)
}

fn begin_plan(moves: u64) -> Result<f64> {
    let folder = TempDir::new()?;
    let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    let requests: Vec<BeginRequest> = (0..moves)
        .map(|shard| BeginRequest::new(ShardId(shard), NodeId(1), NodeId(2)))
        .collect();
    let start = Instant::now();
    tracker.begin_plan(&requests)?;
    Ok(moves as f64 / start.elapsed().as_secs_f64())
}
