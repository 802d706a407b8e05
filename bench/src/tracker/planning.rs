//! What planning from snapshots costs those who write meanwhile.

use std::io::Write;
use std::thread;
use std::time::Duration;

use shardferry::tracker::BeginRequest;
use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

use super::Scale;
use super::registry::{self, SHARDS};
use super::round::{CHANGES, round};
use crate::Result;
use crate::race::{beside, per_second};
use crate::rates::{Figures, short};
use crate::table::Table;

const WRITERS: u64 = 64;

/// What is done beside the writers.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// A snapshot and a plan, then so long a wait.
    Plans(Duration),
    /// A plan of one move is begun: a commit that is shared with nobody.
    Begun,
}

impl Beside {
    fn name(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Plans(Duration::ZERO) => "plans, one after the other".to_owned(),
            Self::Plans(wait) => format!("plans, {wait:?} apart"),
            Self::Begun => "plans of one move, begun one after the other".to_owned(),
        }
    }
}

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let each = scale
        .size
        .pick(Duration::from_millis(50), Duration::from_secs(4));
    let runs = scale.size.pick(2, 5);
    let cases = [
        Beside::Nothing,
        Beside::Plans(Duration::ZERO),
        Beside::Plans(Duration::from_millis(1_000)),
        Beside::Begun,
    ];
    let mut rates = cases.map(|_| Figures::default());
    let mut plans = cases.map(|_| Figures::default());
    for _ in 0..runs {
        for (at, case) in cases.iter().enumerate() {
            let (changes, planned) = changes(*case, each)?;
            rates[at].push(changes);
            plans[at].push(planned);
        }
    }
    let title = format!(
        "Durable changes per second of {WRITERS} writers of whole rounds, {SHARDS} registered shards: \
         {runs} runs of {each:?} in turn; target: 0.9 times what they do alone, for planning"
    );
    let header = [
        "beside",
        "median",
        "min",
        "max",
        "times",
        "plans per second",
    ];
    let mut table = Table::new(title, &header);
    for (at, case) in cases.iter().enumerate() {
        let mut cells = vec![case.name()];
        cells.extend(rates[at].cells());
        cells.push(short(rates[at].over(&rates[0]).median()));
        cells.push(short(plans[at].median()));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

/// Changes and plans per second.
fn changes(case: Beside, each: Duration) -> Result<(f64, f64)> {
    let folder = TempDir::new()?;
    let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    registry::register(&tracker)?;
    let threads = match case {
        Beside::Nothing => 0,
        Beside::Plans(_) | Beside::Begun => 1,
    };
    let (rounds, plans) = beside(
        threads,
        |_, nth| match case {
            Beside::Nothing => Ok(()),
            Beside::Plans(wait) => {
                registry::plan(&tracker)?;
                thread::sleep(wait.min(each));
                Ok(())
            }
            Beside::Begun => {
                let shard = ShardId(SHARDS + nth);
                tracker.begin_plan(&[BeginRequest::new(shard, NodeId(1), NodeId(2))])?;
                Ok(())
            }
        },
        || per_second(WRITERS, each, |writer, nth| round(&tracker, writer, nth)),
    )?;
    Ok((rounds * CHANGES, plans))
}
