//! What planning takes beyond its input.

use std::io::Write;

use shardferry::planner::plan;

use crate::cluster::Cluster;
use crate::memory::peak_of;
use crate::shape::Shape;
use crate::table::{Table, megabytes};
use crate::weights::Weights;
use crate::{Result, Size};

const SEED: u64 = 1;

pub(super) fn print(size: Size, out: &mut dyn Write) -> Result<()> {
    let (nodes, shards_per_node) = size.pick((10, 10), (1000, 1000));
    let title = format!(
        "Peak of memory beyond the input, the plan included: {nodes} nodes x {shards_per_node} \
         shards, seed {SEED}; target: 100 MB for a million shards"
    );
    let mut table = Table::new(title, &["weights", "shape", "input MB", "peak MB", "moves"]);
    for weights in Weights::ALL {
        for shape in Shape::ALL {
            let cluster = Cluster {
                weights,
                shape,
                nodes,
                shards_per_node,
                seed: SEED,
            };
            let (input, held) = peak_of(|| cluster.input());
            let policy = weights.policy()?;
            let (made, peak) = peak_of(|| plan(&input, &policy));
            table.row([
                weights.name().to_owned(),
                shape.name().to_owned(),
                megabytes(held as u128),
                megabytes(peak as u128),
                made?.moves.len().to_string(),
            ]);
        }
    }
    Ok(table.print(out)?)
}
