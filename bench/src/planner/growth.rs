//! How the time for each shard grows with the number of shards.

use std::io::Write;

use shardferry::planner::plan;

use crate::cluster::Cluster;
use crate::shape::Shape;
use crate::table::Table;
use crate::timing::{Taken, median, timed};
use crate::weights::Weights;
use crate::{Result, Size};

const SEED: u64 = 1;

/// The small and the large cluster: nodes, shards on each.
struct Step {
    what: &'static str,
    small: (u64, u64),
    large: (u64, u64),
}

pub(super) fn print(size: Size, out: &mut dyn Write) -> Result<()> {
    let steps = size.pick(
        vec![Step {
            what: "same nodes",
            small: (10, 10),
            large: (10, 20),
        }],
        vec![
            Step {
                what: "same shards per node",
                small: (100, 1000),
                large: (1000, 1000),
            },
            Step {
                what: "same nodes",
                small: (1000, 100),
                large: (1000, 1000),
            },
        ],
    );
    let runs = size.pick(1, 7);
    for Step { what, small, large } in steps {
        let title = format!(
            "Nanoseconds for each shard, {what}: {} x {} and {} x {}, seed {SEED}, medians of {runs} \
             runs in turn; target: ratio at most 1.5",
            small.0, small.1, large.0, large.1
        );
        let header = [
            "weights",
            "shape",
            "small",
            "large",
            "ratio",
            "moves small",
            "moves large",
        ];
        let mut table = Table::new(title, &header);
        for (weights, shape) in [
            (Weights::Unit, Shape::Random),
            (Weights::Unit, Shape::Empty),
            (Weights::LogNormal, Shape::Random),
            (Weights::LogNormal, Shape::Skewed),
            (Weights::LogNormal, Shape::Empty),
            (Weights::Pareto2, Shape::Draining),
        ] {
            let cluster = |(nodes, shards_per_node): (u64, u64)| Cluster {
                weights,
                shape,
                nodes,
                shards_per_node,
                seed: SEED,
            };
            let clusters = [cluster(small), cluster(large)];
            let inputs = clusters.each_ref().map(Cluster::input);
            let policy = weights.policy()?;
            let mut times: [Vec<Taken>; 2] = Default::default();
            let mut moves = [0, 0];
            for _ in 0..runs {
                for at in 0..2 {
                    let (made, time) = timed(|| plan(&inputs[at], &policy));
                    moves[at] = made?.moves.len();
                    times[at].push(time);
                }
            }
            let shards = clusters.map(|cluster| cluster.shards() as f64);
            let [small, large] = times.map(|times| median(&times).cpu.as_secs_f64() * 1e9);
            let (small, large) = (small / shards[0], large / shards[1]);
            table.row([
                weights.name().to_owned(),
                shape.name().to_owned(),
                format!("{small:.0}"),
                format!("{large:.0}"),
                format!("{:.2}", large / small),
                moves[0].to_string(),
                moves[1].to_string(),
            ]);
        }
        table.print(out)?;
    }
    Ok(())
}
