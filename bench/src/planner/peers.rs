//! Other planners on the same clusters.

use std::io::Write;

use shardferry::planner::{Input, Policy, plan};
use shardferry::schema::NodeId;

use crate::cluster::Cluster;
use crate::peers::{Citus, Moves, Outcome, predecessor};
use crate::shape::Shape;
use crate::table::{Table, megabytes};
use crate::timing::{Taken, median, milliseconds, timed};
use crate::weights::Weights;
use crate::{Result, Size};

const SEED: u64 = 1;
const THRESHOLD: f64 = 0.1;

const HEADER: [&str; 8] = [
    "weights",
    "shape",
    "planner",
    "moves",
    "MB",
    "max/mean after",
    "still on draining",
    "ms (by the clock)",
];

pub(super) fn print(size: Size, out: &mut dyn Write) -> Result<()> {
    let extents = size.pick(vec![(10, 10, 1)], vec![(100, 100, 9), (1000, 1000, 3)]);
    for (nodes, shards_per_node, runs) in extents {
        let title = format!(
            "Planners side by side: {nodes} nodes x {shards_per_node} shards, seed {SEED}, median of \
             {runs} runs; threshold {THRESHOLD} for all, shardferry aims at half of it (numbers: at \
             the unit) and, in a second row, at all of it; the greedy in the manner of Citus asks for an improvement of 0.5"
        );
        let mut table = Table::new(title, &HEADER);
        for weights in [Weights::Unit, Weights::LogNormal, Weights::Pareto2] {
            // The others know nothing of the room of a node.
            let unlimited = |shape: &Shape| shape.room_percent().is_none();
            for shape in Shape::ALL.into_iter().filter(unlimited) {
                let cluster = Cluster {
                    weights,
                    shape,
                    nodes,
                    shards_per_node,
                    seed: SEED,
                };
                compare(&cluster, runs, &mut table)?;
            }
        }
        table.print(out)?;
    }
    Ok(())
}

fn compare(cluster: &Cluster, runs: usize, table: &mut Table) -> Result<()> {
    let input = cluster.input();
    let policy = cluster.weights.policy()?;
    let resource = cluster.weights.resource();
    // As wide as where the others stop.
    let wide = Policy::new(resource, policy.trigger_ppm(), policy.trigger_ppm())?;
    let untouched = (Moves::new(), Taken::default());
    let planners = [
        ("none", untouched),
        ("shardferry", repeat(runs, || shardferry(&input, &policy))),
        (
            "shardferry, 10 %",
            repeat(runs, || shardferry(&input, &wide)),
        ),
        (
            "predecessor",
            repeat(runs, || predecessor(&input, THRESHOLD)),
        ),
        (
            "like Citus",
            repeat(runs, || Citus::default().plan(&input, resource)),
        ),
    ];
    for (name, (moves, time)) in planners {
        let outcome = Outcome::of(&input, resource, &moves);
        table.row([
            cluster.weights.name().to_owned(),
            cluster.shape.name().to_owned(),
            name.to_owned(),
            outcome.moves.to_string(),
            megabytes(outcome.bytes),
            format!("{:.3}", outcome.max_to_mean),
            outcome.stranded.to_string(),
            milliseconds(time),
        ]);
    }
    Ok(())
}

fn repeat(runs: usize, mut planner: impl FnMut() -> Moves) -> (Moves, Taken) {
    let mut moves = Moves::new();
    let mut times = Vec::new();
    for _ in 0..runs {
        let (made, time) = timed(&mut planner);
        moves = made;
        times.push(time);
    }
    (moves, median(&times))
}

/// The n-th shard has id n, from 1.
fn shardferry(input: &Input, policy: &Policy) -> Moves {
    let made = plan(input, policy).unwrap_or_default();
    let place =
        |one: &shardferry::planner::Move| -> (usize, NodeId) { (one.shard.0 as usize - 1, one.to) };
    made.moves.iter().map(place).collect()
}
