//! From a database on disk to a plan.

use std::io::Write;
use std::path::Path;

use shardferry::planner::{Input, plan};
use shardferry::schema::text::{NodeName, ShardName};
use shardferry::tracker::RegistryChange;
use shardferry::{MigrationTracker, Node, NodeState, Shard};

use crate::cluster::Cluster;
use crate::shape::Shape;
use crate::table::Table;
use crate::timing::{Taken, median, milliseconds, timed};
use crate::weights::Weights;
use crate::{Result, Size};

const SEED: u64 = 1;

/// How many changes are one transaction.
const BATCH: usize = 20_000;

pub(super) fn print(size: Size, out: &mut dyn Write) -> Result<()> {
    let (nodes, shards_per_node) = size.pick((10, 10), (1000, 1000));
    let runs = size.pick(1, 5);
    let (weights, shape) = (Weights::LogNormal, Shape::Empty);
    let cluster = Cluster {
        weights,
        shape,
        nodes,
        shards_per_node,
        seed: SEED,
    };
    let policy = weights.policy()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.redb");
    let (created, created_in) = timed(|| create(&path, &cluster.input()));
    created?;
    let mut times: [Vec<Taken>; 5] = Default::default();
    let mut moves = 0;
    for _ in 0..runs {
        let (tracker, open) = timed(|| MigrationTracker::open(&path));
        let tracker = tracker?;
        let (snapshot, read) = timed(|| tracker.snapshot());
        let snapshot = snapshot?;
        let (input, convert) = timed(|| snapshot.plan_input());
        let (made, planned) = timed(|| plan(&input, &policy));
        moves = made?.moves.len();
        let all = [open, read, convert, planned, sum(&[read, convert, planned])];
        for (times, time) in times.iter_mut().zip(all) {
            times.push(time);
        }
    }
    let title = format!(
        "From disk: {nodes} nodes x {shards_per_node} shards, {}, {}, seed {SEED}, the file in the \
         page cache, median of {runs} runs, ms of the thread (by the clock); target: 2000 for snapshot, input and plan",
        weights.name(),
        shape.name()
    );
    let header = [
        "file MB",
        "created",
        "open",
        "snapshot",
        "input",
        "plan",
        "the last three",
        "moves",
    ];
    let mut table = Table::new(title, &header);
    let mut cells = vec![
        format!("{:.0}", std::fs::metadata(&path)?.len() as f64 / 1e6),
        milliseconds(created_in),
    ];
    cells.extend(times.map(|times| milliseconds(median(&times))));
    cells.push(moves.to_string());
    table.row(cells);
    Ok(table.print(out)?)
}

fn sum(parts: &[Taken]) -> Taken {
    Taken {
        cpu: parts.iter().map(|part| part.cpu).sum(),
        wall: parts.iter().map(|part| part.wall).sum(),
    }
}

/// A file with these nodes and shards, all of them active.
fn create(path: &Path, input: &Input) -> Result<()> {
    let tracker = MigrationTracker::create(path)?;
    let mut changes = Vec::with_capacity(BATCH);
    for node in &input.nodes {
        let mut registered = Node::new(node.id, NodeName::new(format!("node-{}", node.id.0))?);
        registered.state = NodeState::Active;
        changes.push(RegistryChange::RegisterNode(registered));
    }
    tracker.change_registry(&changes)?;
    for shards in input.shards.chunks(BATCH) {
        changes.clear();
        for shard in shards {
            let name = ShardName::new(format!("shard-{}", shard.id.0))?;
            let mut registered = Shard::new(shard.id, name, shard.owner);
            registered.bytes = shard.weights.get(shardferry::planner::Resource::BYTES);
            changes.push(RegistryChange::RegisterShard(registered));
        }
        tracker.change_registry(&changes)?;
    }
    Ok(())
}
