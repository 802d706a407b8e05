//! A mover in memory that keeps the contract, unless it is made wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use shardferry::executor::{CatchUp, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
use shardferry::schema::text::{Algorithm, Checkpoint, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};
use shardferry::testkit::mover::{
    BYSTANDER, DESTINATION, Look, SHARD, SOURCE, World, WorldError, Write,
};
use shardferry::{NodeId, ShardId};

const SHARD_BYTES: usize = 12;
const CHUNK_BYTES: usize = 3;

/// What is wrong with a mover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    CopyAppends,
    CopyIgnoresStop,
    CopyTakesTheBystanderAway,
    CopyServes,
    CheckpointComesTooEarly,
    ReportsGoBack,
    FenceCounts,
    FenceDoesNothing,
    UnfenceDoesNothing,
    VerifyIsBlind,
    ActivateOnlyOnce,
    ActivateReleases,
    ActivateRemembers,
    ReleaseRemovesWhatIsThere,
    ReleaseDoesNothing,
    DiscardRemovesTheSource,
    DiscardLeavesHalfACopy,
    DiscardOnlyOnce,
}

#[derive(Default)]
struct Cluster {
    serving: BTreeMap<(NodeId, ShardId), Vec<u8>>,
    arriving: BTreeMap<(NodeId, ShardId), Vec<u8>>,
    /// How often writes were stopped.
    fences: BTreeMap<(NodeId, ShardId), u32>,
}

/// Two nodes in memory, and what is wrong with their mover.
pub(super) struct Toy {
    wrong: Wrong,
    cluster: Arc<Mutex<Cluster>>,
}

impl Toy {
    pub(super) fn new(wrong: Wrong) -> Self {
        let mut cluster = Cluster::default();
        let bytes: Vec<u8> = (1..).take(SHARD_BYTES).collect();
        cluster.serving.insert((SOURCE, SHARD), bytes);
        cluster.serving.insert((DESTINATION, BYSTANDER), vec![9; 3]);
        Self {
            wrong,
            cluster: Arc::new(Mutex::new(cluster)),
        }
    }
}

impl World for Toy {
    fn mover(&self) -> Box<dyn ShardMover> {
        Box::new(ToyMover {
            wrong: self.wrong,
            cluster: Arc::clone(&self.cluster),
            copied: AtomicBool::new(false),
        })
    }

    fn look(&self, node: NodeId) -> Result<Look, WorldError> {
        let cluster = self.cluster.lock().unwrap();
        let of = |((at, shard), bytes): (&(NodeId, ShardId), &Vec<u8>)| {
            (*at == node).then(|| (*shard, format!("{bytes:?}")))
        };
        Ok(Look {
            served: cluster.serving.iter().filter_map(of).collect(),
            left_over: (cluster.arriving.iter().filter_map(of))
                .map(|(shard, bytes)| format!("{shard}: {bytes}"))
                .collect(),
        })
    }

    fn write(&self, node: NodeId) -> Option<Result<Write, WorldError>> {
        let mut cluster = self.cluster.lock().unwrap();
        let fenced = cluster.fences.get(&(node, SHARD)).is_some_and(|n| *n > 0);
        let bytes = cluster.serving.get_mut(&(node, SHARD));
        Some(Ok(match bytes {
            Some(bytes) if !fenced => {
                bytes[0] += 100;
                Write::Done
            }
            Some(_) | None => Write::Refused,
        }))
    }

    fn fences(&self) -> bool {
        true
    }

    fn damage(&self, job: &Job) -> Option<Result<(), WorldError>> {
        let mut cluster = self.cluster.lock().unwrap();
        let copy = cluster.arriving.get_mut(&(job.to.node, job.shard))?;
        copy[1] ^= 0xff;
        Some(Ok(()))
    }
}

struct ToyMover {
    wrong: Wrong,
    cluster: Arc<Mutex<Cluster>>,
    /// What no process remembers of another.
    copied: AtomicBool,
}

impl ToyMover {
    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }

    /// A report, to which a wrong mover does not listen.
    fn hear(&self, told: Result<(), Interrupted>) -> Result<(), Interrupted> {
        if self.is(Wrong::CopyIgnoresStop) {
            return Ok(());
        }
        told
    }

    fn source(&self, job: &Job) -> Result<Vec<u8>, MoverError> {
        let found = self
            .lock()
            .serving
            .get(&(job.from.node, job.shard))
            .cloned();
        found.ok_or_else(|| MoverError::permanent("the source has no such shard"))
    }

    /// Puts one chunk in its place.
    fn put(&self, job: &Job, at: usize, chunk: &[u8]) {
        let mut cluster = self.lock();
        let to = (job.to.node, job.shard);
        let copy = cluster.arriving.entry(to).or_default();
        if !self.is(Wrong::CopyAppends) || at == 0 {
            copy.truncate(at);
        }
        copy.extend(chunk);
        if self.is(Wrong::CopyServes) {
            let copy = copy.clone();
            cluster.serving.insert(to, copy);
        }
        if self.is(Wrong::CopyTakesTheBystanderAway) {
            cluster.serving.remove(&(DESTINATION, BYSTANDER));
        }
    }
}

impl ShardMover for ToyMover {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let from = checkpoint.map_or(0, |saved| usize::try_from(saved.bytes_migrated).unwrap());
        let total = Some(SHARD_BYTES as u64);
        let mut at = from;
        while at < SHARD_BYTES {
            self.hear(reporter.throttle(CHUNK_BYTES as u64))?;
            let chunk = self.source(job)?[at..at + CHUNK_BYTES].to_vec();
            let next = at + CHUNK_BYTES;
            let cursor = Checkpoint::new(next.to_be_bytes()).unwrap();
            if self.is(Wrong::CheckpointComesTooEarly) {
                self.hear(reporter.checkpoint(cursor, next as u64, total))?;
                self.put(job, at, &chunk);
            } else {
                self.put(job, at, &chunk);
                self.hear(reporter.checkpoint(cursor, next as u64, total))?;
            }
            if self.is(Wrong::ReportsGoBack) {
                reporter.progress(at as u64, total)?;
            }
            at = next;
        }
        self.copied.store(true, Ordering::Release);
        Ok(())
    }

    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        reporter.throttle(1)?;
        let source = self.source(job)?;
        let to = (job.to.node, job.shard);
        if let Some(copy) = self.lock().arriving.get_mut(&to) {
            // The first byte is all that clients write.
            copy[0] = source[0];
        }
        Ok(CatchUp::Done)
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        let key = (job.from.node, job.shard);
        if self.is(Wrong::FenceCounts) {
            *self.lock().fences.entry(key).or_default() += 1;
        } else if !self.is(Wrong::FenceDoesNothing) {
            self.lock().fences.insert(key, 1);
        }
        Ok(())
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        let mut cluster = self.lock();
        if let Some(fences) = cluster.fences.get_mut(&(job.from.node, job.shard)) {
            match self.wrong {
                Wrong::FenceCounts => *fences = fences.saturating_sub(1),
                Wrong::UnfenceDoesNothing => {}
                _ => *fences = 0,
            }
        }
        Ok(())
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        reporter.verified(SHARD_BYTES as u64, SHARD_BYTES as u64)?;
        let source = side(&self.source(job)?);
        let copy = self.lock().arriving.get(&(job.to.node, job.shard)).cloned();
        let copy = copy.ok_or_else(|| MoverError::retriable("no copy").starting_over())?;
        let destination = if self.is(Wrong::VerifyIsBlind) {
            source.clone()
        } else {
            side(&copy)
        };
        Ok(Proof {
            algorithm: Algorithm::new("blake3").unwrap(),
            source,
            destination,
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        let key = (job.to.node, job.shard);
        if self.is(Wrong::ActivateRemembers) && !self.copied.load(Ordering::Acquire) {
            return Err(MoverError::retriable("nothing was copied"));
        }
        let mut cluster = self.lock();
        if let Some(bytes) = cluster.arriving.remove(&key) {
            cluster.serving.insert(key, bytes);
        } else if self.is(Wrong::ActivateOnlyOnce) {
            return Err(MoverError::retriable("nothing has arrived"));
        }
        if self.is(Wrong::ActivateReleases) {
            cluster.serving.remove(&(job.from.node, job.shard));
        }
        Ok(())
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        if self.is(Wrong::ReleaseDoesNothing) {
            return Ok(());
        }
        let mut cluster = self.lock();
        let gone = cluster.serving.remove(&(job.from.node, job.shard));
        if gone.is_none() && self.is(Wrong::ReleaseRemovesWhatIsThere) {
            cluster.serving.remove(&(job.to.node, job.shard));
        }
        Ok(())
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        let mut cluster = self.lock();
        let key = (job.to.node, job.shard);
        if self.is(Wrong::DiscardRemovesTheSource) {
            cluster.serving.remove(&(job.from.node, job.shard));
        }
        let half = |bytes: &Vec<u8>| bytes.len() < SHARD_BYTES;
        if self.is(Wrong::DiscardLeavesHalfACopy) && cluster.arriving.get(&key).is_some_and(half) {
            return Ok(());
        }
        let gone = cluster.arriving.remove(&key);
        if gone.is_none() && self.is(Wrong::DiscardOnlyOnce) {
            return Err(MoverError::retriable("nothing has arrived"));
        }
        Ok(())
    }
}

fn side(bytes: &[u8]) -> Side {
    Side {
        items: 1,
        bytes: bytes.len() as u64,
        digest: Digest::new(*blake3::hash(bytes).as_bytes()).unwrap(),
    }
}
