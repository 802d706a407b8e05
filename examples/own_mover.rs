//! A mover of one's own: shards are maps in memory, moved between two "nodes" while the executor
//! takes care of claims, retries, verification, cutover and cleanup.
//!
//! `cargo run --example own_mover`
//!
//! Whether it keeps the contract of a mover, the conformance suite tells; see the end of this file.
//!
//! `cargo test --example own_mover`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use shardferry::executor::{
    Executor, ExecutorOptions, Job, MoverError, Proof, Reporter, ShardMover,
};
use shardferry::schema::text::{Algorithm, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};
use shardferry::{MigrationTracker, NodeId, ShardId};

/// The rows of one shard.
type Rows = BTreeMap<String, String>;

/// What each node serves, and what is being copied to it.
#[derive(Default)]
struct Cluster {
    serving: HashMap<(NodeId, ShardId), Rows>,
    arriving: HashMap<(NodeId, ShardId), Rows>,
}

/// Clones work in the same cluster.
#[derive(Clone, Default)]
struct MemoryMover {
    cluster: Arc<Mutex<Cluster>>,
}

impl MemoryMover {
    fn with<T>(&self, work: impl FnOnce(&mut Cluster) -> T) -> T {
        work(&mut self.cluster.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ShardMover for MemoryMover {
    fn copy(
        &self,
        job: &Job,
        _checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let rows = self
            .with(|cluster| cluster.serving.get(&(job.from.node, job.shard)).cloned())
            .ok_or_else(|| {
                MoverError::permanent(format!("node {} has no shard {}", job.from.node, job.shard))
            })?;
        let bytes = bytes_of(&rows);
        reporter.throttle(bytes)?;
        // Whatever an earlier attempt left is replaced: copying twice is copying once.
        self.with(|cluster| cluster.arriving.insert((job.to.node, job.shard), rows));
        reporter.progress(bytes, Some(bytes))?;
        Ok(())
    }

    fn verify(&self, job: &Job, _reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        let algorithm = Algorithm::new("rows")
            .map_err(|error| MoverError::permanent("naming the digest").because(error))?;
        self.with(|cluster| {
            Ok(Proof {
                algorithm,
                source: side(cluster.serving.get(&(job.from.node, job.shard)))?,
                destination: side(cluster.arriving.get(&(job.to.node, job.shard)))?,
            })
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        let key = (job.to.node, job.shard);
        self.with(|cluster| {
            // Called again after a crash, there is nothing left to do.
            if let Some(rows) = cluster.arriving.remove(&key) {
                cluster.serving.insert(key, rows);
            }
        });
        Ok(())
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.with(|cluster| cluster.serving.remove(&(job.from.node, job.shard)));
        Ok(())
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.with(|cluster| cluster.arriving.remove(&(job.to.node, job.shard)));
        Ok(())
    }
}

fn bytes_of(rows: &Rows) -> u64 {
    let bytes: usize = rows
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn side(rows: Option<&Rows>) -> Result<Side, MoverError> {
    let rows = rows.ok_or_else(|| MoverError::retriable("the copy is gone").starting_over())?;
    let digest = blake3::hash(format!("{rows:?}").as_bytes());
    let digest = Digest::new(*digest.as_bytes())
        .map_err(|error| MoverError::permanent("storing the digest").because(error))?;
    Ok(Side {
        items: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        bytes: bytes_of(rows),
        digest,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    let mover = MemoryMover::default();
    let rows: Rows = [("ada", "1815"), ("grace", "1906")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    mover.with(|cluster| {
        cluster
            .serving
            .insert((NodeId(1), ShardId(7)), rows.clone())
    });

    let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    let report = Executor::run(&tracker, &mover, &ExecutorOptions::new("own-mover")?)?;
    println!("{} moved, {} cleaned up", report.completed, report.settled);
    for event in tracker.history(id)? {
        println!("  {:>3} {:?} by {:?}", event.seq, event.kind, event.actor);
    }

    mover.with(|cluster| {
        assert_eq!(cluster.serving.get(&(NodeId(2), ShardId(7))), Some(&rows));
        assert_eq!(cluster.serving.get(&(NodeId(1), ShardId(7))), None);
        assert!(cluster.arriving.is_empty());
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use shardferry::testkit::mover::{
        BYSTANDER, DESTINATION, Look, Options, SHARD, SOURCE, World, WorldError, Write, conformance,
    };

    use super::*;

    /// The cluster is the world; the mover holds nothing else.
    impl World for MemoryMover {
        fn mover(&self) -> Box<dyn ShardMover> {
            Box::new(self.clone())
        }

        fn look(&self, node: NodeId) -> Result<Look, WorldError> {
            Ok(self.with(|cluster| Look {
                served: (cluster.serving.iter())
                    .filter(|((at, _), _)| *at == node)
                    .map(|((_, shard), rows)| (*shard, format!("{rows:?}")))
                    .collect(),
                left_over: (cluster.arriving.keys())
                    .filter(|(at, _)| *at == node)
                    .map(|(_, shard)| format!("half of shard {shard}"))
                    .collect(),
            }))
        }

        fn write(&self, node: NodeId) -> Option<Result<Write, WorldError>> {
            Some(Ok(self.with(|cluster| {
                match cluster.serving.get_mut(&(node, SHARD)) {
                    Some(rows) => {
                        rows.insert(format!("row {}", rows.len()), "written".to_owned());
                        Write::Done
                    }
                    None => Write::Refused,
                }
            })))
        }

        fn damage(&self, job: &Job) -> Option<Result<(), WorldError>> {
            self.with(|cluster| {
                cluster
                    .arriving
                    .get_mut(&(job.to.node, job.shard))?
                    .pop_first()
            });
            Some(Ok(()))
        }
    }

    fn world() -> Result<MemoryMover, WorldError> {
        let world = MemoryMover::default();
        world.with(|cluster| {
            for (node, shard) in [(SOURCE, SHARD), (DESTINATION, BYSTANDER)] {
                let rows = (0..9).map(|row| (format!("row {row}"), format!("of {shard}")));
                cluster.serving.insert((node, shard), rows.collect());
            }
        });
        Ok(world)
    }

    #[test]
    fn the_mover_keeps_the_contract() -> Result<(), Box<dyn Error>> {
        // In memory, where the system has such a folder: the trackers sync at each transition.
        let memory = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
        let options = Options {
            folder: memory,
            ..Options::default()
        };
        println!("{}", conformance(world, &options)?);
        Ok(())
    }
}
