//! Plans of clusters of every kind: how many moves, how close to the bound, how long.

use std::io::Write;
use std::time::Duration;

use shardferry::planner::{Left, check, plan};

use crate::cluster::{Cluster, done, in_flight};
use crate::shape::Shape;
use crate::table::{Table, megabytes, ratio};
use crate::timing::{Taken, median, milliseconds, timed};
use crate::weights::Weights;
use crate::{Result, Size};

/// Nodes, shards on each, seeds, runs of each.
type Extent = (u64, u64, std::ops::RangeInclusive<u64>, usize);

const HEADER: [&str; 15] = [
    "weights",
    "shape",
    "moves",
    "bound",
    "ratio",
    "MB",
    "MB bound",
    "ratio",
    "nodes left",
    "waves",
    "ms (by the clock)",
    "again in flight",
    "again done",
    "violations",
    "targets missed",
];

pub(super) fn print(size: Size, out: &mut dyn Write) -> Result<()> {
    let extents: Vec<Extent> = size.pick(
        vec![(10, 10, 1..=2, 1)],
        vec![(100, 100, 1..=5, 9), (1000, 1000, 1..=1, 3)],
    );
    for (nodes, shards_per_node, seeds, runs) in extents {
        let title = format!(
            "{nodes} nodes x {shards_per_node} shards, seeds {seeds:?}, sums over the seeds, \
             median of {runs} runs of each"
        );
        let mut table = Table::new(title, &HEADER);
        for weights in Weights::ALL {
            for shape in Shape::ALL {
                let cluster = Cluster {
                    weights,
                    shape,
                    nodes,
                    shards_per_node,
                    seed: 0,
                };
                table.row(measure(cluster, seeds.clone(), runs)?.cells(&cluster));
            }
        }
        table.print(out)?;
    }
    Ok(())
}

/// Sums over the seeds.
#[derive(Default)]
struct Sums {
    moves: usize,
    moves_bound: usize,
    bytes: u128,
    bytes_bound: u128,
    nodes_left: usize,
    shards_left: usize,
    waves: u32,
    times: Vec<Taken>,
    again_in_flight: usize,
    again_done: usize,
    violations: usize,
    late: usize,
}

fn measure(cluster: Cluster, seeds: std::ops::RangeInclusive<u64>, runs: usize) -> Result<Sums> {
    let policy = cluster.weights.policy()?;
    let mut sums = Sums::default();
    for seed in seeds {
        let input = Cluster { seed, ..cluster }.input();
        let mut times = Vec::new();
        for _ in 1..runs {
            times.push(timed(|| plan(&input, &policy)).1);
        }
        let (made, time) = timed(|| plan(&input, &policy));
        let made = made?;
        times.push(time);
        let time = median(&times);
        sums.late +=
            usize::from(target(&cluster, made.moves.len()).is_some_and(|most| time.cpu > most));
        sums.times.push(time);
        sums.moves += made.moves.len();
        sums.moves_bound += made.lower_bound_moves;
        sums.bytes += made.total_bytes;
        sums.bytes_bound += made.lower_bound_bytes;
        sums.waves = sums.waves.max(made.waves());
        let nodes = made
            .left
            .iter()
            .filter(|left| matches!(left, Left::Node { .. }))
            .count();
        sums.nodes_left += nodes;
        sums.shards_left += made.left.len() - nodes;
        sums.violations += check(&input, &policy, &made).len();
        sums.again_in_flight += plan(&in_flight(&input, &made), &policy)?.moves.len();
        sums.again_done += plan(&done(&input, &made), &policy)?.moves.len();
    }
    Ok(sums)
}

/// What a plan with its bound may take.
fn target(cluster: &Cluster, moves: usize) -> Option<Duration> {
    let milliseconds = match cluster.shards() {
        10_000 => 5,
        1_000_000 if moves < 10_000 => 300,
        1_000_000 => 1000,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds))
}

impl Sums {
    fn cells(self, cluster: &Cluster) -> Vec<String> {
        let shards_left = if self.shards_left == 0 {
            String::new()
        } else {
            format!(" + {} shards", self.shards_left)
        };
        vec![
            cluster.weights.name().to_owned(),
            cluster.shape.name().to_owned(),
            self.moves.to_string(),
            self.moves_bound.to_string(),
            ratio(self.moves as f64, self.moves_bound as f64),
            megabytes(self.bytes),
            megabytes(self.bytes_bound),
            ratio(self.bytes as f64, self.bytes_bound as f64),
            format!("{}{shards_left}", self.nodes_left),
            self.waves.to_string(),
            milliseconds(median(&self.times)),
            self.again_in_flight.to_string(),
            self.again_done.to_string(),
            self.violations.to_string(),
            self.late.to_string(),
        ]
    }
}
