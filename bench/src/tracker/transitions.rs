//! Durable transitions per second, beside other stores in the same folder.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shardferry::store::Durability;
use shardferry::tracker::BeginRequest;
use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

use super::Scale;
use super::round::{CHANGES, round};
use crate::race::per_second;
use crate::rates::{Figures, short};
use crate::stores::{Kind, tracker};
use crate::table::Table;
use crate::{Result, Size};

/// Callers of whole rounds at the same time.
const ROUNDS: [(Durability, u64); 6] = [
    (Durability::Standard, 1),
    (Durability::Standard, 64),
    (Durability::Standard, 256),
    (Durability::WriteAhead, 1),
    (Durability::WriteAhead, 64),
    (Durability::WriteAhead, 256),
];

/// Which shards the callers move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shards {
    /// The next one that nobody moves, as where shards are numbered one after the other.
    Neighbours,
    /// Each caller those of a range of its own, far from the others: its rows are in a page of its own.
    Apart,
}

impl Shards {
    fn name(self) -> &'static str {
        match self {
            Self::Neighbours => "neighbours",
            Self::Apart => "far apart",
        }
    }
}

/// Callers, which shards they move, and what shardferry should be: so many times another.
const CASES: [(u64, Shards, &str); 6] = [
    (
        1,
        Shards::Neighbours,
        "0.75 x raw, 1.2 x LMDB, 0.7 x SQLite",
    ),
    (8, Shards::Neighbours, "-"),
    (64, Shards::Neighbours, "8 x raw, 8 x redb, 7 x SQLite"),
    (64, Shards::Apart, "8 x raw, 8 x redb, 7 x SQLite"),
    (256, Shards::Neighbours, "12 x raw"),
    (256, Shards::Apart, "12 x raw"),
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
    shards: Shards,
    rates: Figures,
}

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let length = Length::of(scale.size);
    let mut contestants: Vec<Contestant> = Vec::new();
    for (callers, shards, _) in CASES {
        for kind in Kind::with_callers(callers) {
            contestants.push(Contestant {
                kind,
                callers,
                shards,
                rates: Figures::default(),
            });
        }
    }
    let mut rounds = ROUNDS.map(|_| Figures::default());
    let mut plans = Figures::default();
    for _ in 0..length.runs {
        for contestant in &mut contestants {
            let rate = begins(contestant, length.each)?;
            contestant.rates.push(rate);
        }
        for ((durability, callers), rates) in ROUNDS.iter().zip(&mut rounds) {
            rates.push(whole_rounds(*durability, *callers, length.each)?);
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
        &[
            "callers", "shards", "store", "median", "min", "max", "x raw",
        ],
    );
    for one in contestants {
        let raw = rates_of(contestants, one.callers, one.shards, &[Kind::Raw]);
        let mut cells = vec![
            one.callers.to_string(),
            one.shards.name().to_owned(),
            one.kind.name().to_owned(),
        ];
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
        "durability",
        "callers",
        "shards",
        "raw",
        "SQLite, the faster",
        "LMDB",
        "fjall",
        "redb, a transaction each",
        "target",
    ];
    let mut table = Table::new(title, &header);
    let ours = [
        (Durability::Standard, Kind::Shardferry),
        (Durability::WriteAhead, Kind::ShardferryAhead),
    ];
    let rows = ours
        .iter()
        .flat_map(|ours| CASES.iter().map(move |case| (ours, *case)));
    for ((durability, ours), (callers, shards, target)) in rows {
        let of = |kinds: &[Kind]| rates_of(contestants, callers, shards, kinds);
        let beside = |kinds: &[Kind]| of(&[*ours]).over(of(kinds)).cell();
        table.row([
            format!("{durability:?}"),
            callers.to_string(),
            shards.name().to_owned(),
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
    let mut table = Table::new(
        title,
        &["durability", "callers", "median", "min", "max", "x raw"],
    );
    for ((durability, callers), rates) in ROUNDS.iter().zip(rounds) {
        let raw = rates_of(contestants, *callers, Shards::Neighbours, &[Kind::Raw]);
        let mut cells = vec![format!("{durability:?}"), callers.to_string()];
        cells.extend(rates.cells());
        cells.push(short(rates.over(raw).median()));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

/// The rates of the fastest of these kinds.
fn rates_of<'a>(
    contestants: &'a [Contestant],
    callers: u64,
    shards: Shards,
    kinds: &[Kind],
) -> &'a Figures {
    static NONE: Figures = Figures::none();
    contestants
        .iter()
        .filter(|one| (one.callers, one.shards) == (callers, shards) && kinds.contains(&one.kind))
        .map(|one| &one.rates)
        .max_by(|one, other| one.median().total_cmp(&other.median()))
        .unwrap_or(&NONE)
}

fn begins(contestant: &Contestant, each: Duration) -> Result<f64> {
    let Contestant { kind, callers, .. } = *contestant;
    let folder = TempDir::new()?;
    let store = kind.create(folder.path(), callers)?;
    let next = AtomicU64::new(0);
    per_second(kind.threads(callers), each, |caller, nth| {
        let shard = match contestant.shards {
            Shards::Neighbours => next.fetch_add(1, Ordering::Relaxed),
            Shards::Apart => (caller << 32) + nth,
        };
        store.begin(caller, shard)
    })
}

fn whole_rounds(durability: Durability, callers: u64, each: Duration) -> Result<f64> {
    let folder = TempDir::new()?;
    let tracker = tracker(folder.path(), durability)?;
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
