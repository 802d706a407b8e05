//! Reports of progress per second.

use std::io::Write;
use std::time::Duration;

use shardferry::schema::text::ExecutorName;
use shardferry::tracker::Claim;
use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

use super::Scale;
use crate::Result;
use crate::race::per_second;
use crate::rates::{Figures, times};
use crate::table::Table;

/// Callers, and how many reports per second they should come to.
const TARGETS: [(u64, f64); 2] = [(1, 30_000.0), (8, 100_000.0)];

pub(super) fn print(scale: Scale, out: &mut dyn Write) -> Result<()> {
    let each = scale
        .size
        .pick(Duration::from_millis(20), Duration::from_secs(2));
    let runs = scale.size.pick(2, 5);
    let mut rates = TARGETS.map(|_| Figures::default());
    for _ in 0..runs {
        for ((callers, _), rates) in TARGETS.iter().zip(&mut rates) {
            rates.push(reports(*callers, each)?);
        }
    }
    let title = format!(
        "Reports of progress per second, each caller with a claim of its own: {runs} runs of {each:?} \
         in turn"
    );
    let header = ["callers", "median", "min", "max", "target", "x target"];
    let mut table = Table::new(title, &header);
    for ((callers, target), rates) in TARGETS.iter().zip(&rates) {
        let mut cells = vec![callers.to_string()];
        cells.extend(rates.cells());
        cells.push(format!("{target:.0}"));
        cells.push(times(rates.median(), *target));
        table.row(cells);
    }
    Ok(table.print(out)?)
}

fn reports(callers: u64, each: Duration) -> Result<f64> {
    let folder = TempDir::new()?;
    let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    let executor = ExecutorName::new("bench")?;
    let claim = |caller| -> Result<Claim<'_>> {
        let id = tracker.begin_migration(ShardId(caller), NodeId(1), NodeId(2))?;
        Ok(tracker.claim(id, &executor)?)
    };
    let claims: Vec<Claim<'_>> = (0..callers).map(claim).collect::<Result<_>>()?;
    per_second(callers, each, |caller, nth| {
        claims[usize::try_from(caller)?].report(nth, None, None)?;
        Ok(())
    })
}
