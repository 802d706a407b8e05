//! A mover in memory whose steps can be made to fail, to wait, or to panic.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shardferry::executor::{Job, MoverError, Proof, Reporter, ShardMover};
use shardferry::schema::text::{Algorithm, Checkpoint, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};
use shardferry::{NodeId, ShardId};

/// The bytes of one shard.
pub(super) const SHARD_BYTES: usize = 64;

/// What a call of a step does instead of succeeding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Retriable,
    Permanent,
    Unknown,
    Panic,
}

#[derive(Default)]
struct Cluster {
    serving: HashMap<(NodeId, ShardId), Vec<u8>>,
    arriving: HashMap<(NodeId, ShardId), Vec<u8>>,
    fenced: HashMap<ShardId, NodeId>,
    trouble: BTreeMap<(&'static str, ShardId), Vec<Trouble>>,
    calls: Vec<(&'static str, ShardId)>,
}

#[derive(Default)]
pub(super) struct FakeMover {
    cluster: Mutex<Cluster>,
    copying: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
    /// How long a byte takes.
    pub(super) byte_takes: Option<Duration>,
    /// Whether the source changes while it is compared.
    pub(super) source_keeps_changing: bool,
}

impl FakeMover {
    pub(super) fn with_shards(shards: &[(u64, u64)]) -> Self {
        let mover = Self::default();
        for (shard, node) in shards {
            mover.cluster.lock().unwrap().serving.insert(
                (NodeId(*node), ShardId(*shard)),
                vec![u8::try_from(*shard % 251).unwrap(); SHARD_BYTES],
            );
        }
        mover
    }

    /// The next calls of `step` for `shard` go wrong in this order.
    pub(super) fn trouble(&self, step: &'static str, shard: u64, troubles: &[Trouble]) {
        let mut cluster = self.cluster.lock().unwrap();
        let key = (step, ShardId(shard));
        cluster.trouble.entry(key).or_default().extend(troubles);
    }

    /// What was copied and not yet activated, as (shard, node).
    pub(super) fn arrive(&self, shards: &[(u64, u64)]) {
        let mut cluster = self.cluster.lock().unwrap();
        for (shard, node) in shards {
            let key = (NodeId(*node), ShardId(*shard));
            cluster.arriving.insert(key, vec![0; SHARD_BYTES]);
        }
    }

    /// The nodes that serve the shard.
    pub(super) fn serving(&self, shard: u64) -> Vec<u64> {
        let cluster = self.cluster.lock().unwrap();
        let mut nodes: Vec<u64> = cluster
            .serving
            .keys()
            .filter(|(_, of)| of.0 == shard)
            .map(|(node, _)| node.0)
            .collect();
        nodes.sort_unstable();
        nodes
    }

    /// Half-way copies.
    pub(super) fn arriving(&self) -> usize {
        self.cluster.lock().unwrap().arriving.len()
    }

    pub(super) fn is_fenced(&self, shard: u64) -> bool {
        let cluster = self.cluster.lock().unwrap();
        cluster.fenced.contains_key(&ShardId(shard))
    }

    /// The steps of the shard, in the order in which they were called.
    pub(super) fn calls(&self, shard: u64) -> Vec<&'static str> {
        let cluster = self.cluster.lock().unwrap();
        let of = cluster.calls.iter().filter(|(_, of)| of.0 == shard);
        of.map(|(step, _)| *step).collect()
    }

    fn called(&self, step: &'static str, job: &Job) -> Result<(), MoverError> {
        let trouble = {
            let mut cluster = self.cluster.lock().unwrap();
            cluster.calls.push((step, job.shard));
            cluster
                .trouble
                .get_mut(&(step, job.shard))
                .filter(|left| !left.is_empty())
                .map(|left| left.remove(0))
        };
        match trouble {
            None => Ok(()),
            Some(Trouble::Retriable) => Err(MoverError::retriable(format!("{step} hiccup"))),
            Some(Trouble::Permanent) => Err(MoverError::permanent(format!("{step} cannot work"))),
            Some(Trouble::Unknown) => Err(MoverError::unknown(format!("{step} did not answer"))),
            Some(Trouble::Panic) => panic!("{step} panics as it was told to"),
        }
    }

    fn copy_bytes(
        &self,
        job: &Job,
        from: usize,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let total = Some(SHARD_BYTES as u64);
        for at in from..SHARD_BYTES {
            if let Some(takes) = self.byte_takes {
                std::thread::sleep(takes);
            }
            {
                let mut cluster = self.cluster.lock().unwrap();
                let source = cluster
                    .serving
                    .get(&(job.from.node, job.shard))
                    .ok_or_else(|| MoverError::permanent("the source has no such shard"))?;
                let byte = source[at];
                let key = (job.to.node, job.shard);
                let copy = cluster.arriving.entry(key).or_default();
                copy.truncate(at);
                copy.push(byte);
            }
            let done = at as u64 + 1;
            let cursor = Checkpoint::new(done.to_be_bytes()).unwrap();
            reporter.checkpoint(cursor, done, total)?;
        }
        reporter.progress(SHARD_BYTES as u64, total)?;
        Ok(())
    }
}

impl ShardMover for FakeMover {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        self.called("copy", job)?;
        let at_once = self.copying.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let from = checkpoint.map_or(0, |at| usize::try_from(at.bytes_migrated).unwrap());
        if from > 0 {
            let mut cluster = self.cluster.lock().unwrap();
            cluster.calls.push(("copy resumed", job.shard));
        }
        let copied = self.copy_bytes(job, from, reporter);
        self.copying.fetch_sub(1, Ordering::SeqCst);
        copied
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        let mut cluster = self.cluster.lock().unwrap();
        cluster.fenced.insert(job.shard, job.from.node);
        drop(cluster);
        self.called("fence", job)
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.called("unfence", job)?;
        self.cluster.lock().unwrap().fenced.remove(&job.shard);
        Ok(())
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        self.called("verify", job)?;
        reporter.verified(SHARD_BYTES as u64, SHARD_BYTES as u64)?;
        let mut cluster = self.cluster.lock().unwrap();
        if self.source_keeps_changing {
            let source = cluster.serving.get_mut(&(job.from.node, job.shard));
            source.unwrap()[0] ^= 1;
        }
        let side = |bytes: &Vec<u8>| Side {
            items: 1,
            bytes: bytes.len() as u64,
            digest: Digest::new(*blake3::hash(bytes).as_bytes()).unwrap(),
        };
        Ok(Proof {
            algorithm: Algorithm::new("blake3").unwrap(),
            source: side(&cluster.serving[&(job.from.node, job.shard)]),
            destination: side(&cluster.arriving[&(job.to.node, job.shard)]),
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.called("activate", job)?;
        let mut cluster = self.cluster.lock().unwrap();
        let key = (job.to.node, job.shard);
        if let Some(bytes) = cluster.arriving.remove(&key) {
            cluster.serving.insert(key, bytes);
        }
        Ok(())
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.called("release_source", job)?;
        let mut cluster = self.cluster.lock().unwrap();
        assert!(
            cluster.serving.contains_key(&(job.to.node, job.shard)),
            "the source is released before the destination serves"
        );
        cluster.serving.remove(&(job.from.node, job.shard));
        Ok(())
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.called("discard_destination", job)?;
        let mut cluster = self.cluster.lock().unwrap();
        cluster.arriving.remove(&(job.to.node, job.shard));
        Ok(())
    }
}
