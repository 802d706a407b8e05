//! The mover keeps the contract of movers: the suite of the library, with writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shardferry::executor::{Job, ShardMover};
use shardferry::testkit::mover::{
    BYSTANDER, DESTINATION, Look, Options, SHARD, SOURCE, World, WorldError, Write, conformance,
};
use shardferry::{NodeId, ShardId};
use tempfile::TempDir;

use super::{folder, memory, put};
use crate::error::NodeError;
use crate::marks::{Marks, Role};
use crate::mover::KvMover;
use crate::nodes::Nodes;
use crate::shard_file::Change;

const ROWS: u64 = 600;

/// Two nodes that outlive the executors, as servers do.
struct Servers {
    nodes: Arc<Nodes>,
    writes: AtomicU64,
    _folder: TempDir,
}

fn servers() -> Result<Servers, WorldError> {
    let folder = folder();
    let nodes = Nodes::open(folder.path(), 2)?;
    for (node, shard) in [(SOURCE, SHARD), (DESTINATION, BYSTANDER)] {
        // Two batches, so that there are checkpoints.
        let rows: Vec<Change> = (0..ROWS)
            .map(|row| put(&format!("row {row:05}"), &format!("of {shard}")))
            .collect();
        let node = nodes.get(node).ok_or("no node")?;
        node.make(shard, Marks::MADE_HERE, &rows)?;
    }
    Ok(Servers {
        nodes: Arc::new(nodes),
        writes: AtomicU64::new(0),
        _folder: folder,
    })
}

impl World for Servers {
    fn mover(&self) -> Box<dyn ShardMover> {
        Box::new(KvMover::new(&self.nodes))
    }

    fn look(&self, node: NodeId) -> Result<Look, WorldError> {
        let node = self.nodes.get(node).ok_or("no node")?;
        let mut served: BTreeMap<ShardId, String> = BTreeMap::new();
        let mut left_over = Vec::new();
        for (shard, marks) in node.copies()? {
            // What is fenced is still the shard, until the cutover.
            match marks.role {
                Role::Arriving => left_over.push(format!("half of shard {shard}")),
                Role::Serving | Role::Fenced => {
                    let mut hasher = blake3::Hasher::new();
                    node.copy(shard)?.file.read(|_, rows| {
                        rows.each(|key, seq, value| {
                            hasher.update(format!("{key:?} {seq} {value:?}").as_bytes());
                            Ok::<(), NodeError>(())
                        })
                    })?;
                    served.insert(shard, hasher.finalize().to_string());
                }
            }
        }
        Ok(Look { served, left_over })
    }

    fn write(&self, node: NodeId) -> Option<Result<Write, WorldError>> {
        let count = self.writes.fetch_add(1, Ordering::Relaxed);
        let row = format!("row {:05}", count * 97 % ROWS);
        // Rows are replaced and removed, those that were copied and those that were not.
        let change = Change {
            value: (!count.is_multiple_of(3)).then(|| format!("write {count}").into_bytes()),
            ..put(&row, "")
        };
        Some(match self.nodes.get(node)?.write(SHARD, change) {
            Ok(_) => Ok(Write::Done),
            Err(NodeError::NotHere { .. } | NodeError::NotServing { .. }) => Ok(Write::Refused),
            Err(other) => Err(other.into()),
        })
    }

    fn fences(&self) -> bool {
        true
    }

    fn damage(&self, job: &Job) -> Option<Result<(), WorldError>> {
        Some(
            KvMover::new(&self.nodes)
                .damage(job)
                .map_err(WorldError::from),
        )
    }
}

#[test]
fn the_mover_keeps_the_contract() {
    let options = Options {
        folder: memory(),
        ..Options::default()
    };
    match conformance(servers, &options) {
        Ok(report) => println!("{report}"),
        Err(failure) => panic!("{failure}"),
    }
}
