//! Bytes in memory, moved by a mover that goes wrong as a seed says, and clients that write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shardferry::executor::{CatchUp, Job, MoverError, Proof, Reporter, ShardMover, StopToken};
use shardferry::schema::text::{Algorithm, Checkpoint, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};
use shardferry::testkit::Random;
use shardferry::{MigrationId, NodeId, ShardId};

/// The bytes of one shard, and how many of them one report tells of.
const SHARD_BYTES: usize = 32;
const CHUNK: usize = 8;

/// A copy of a shard on a node.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) bytes: Vec<u8>,
    /// Clients are answered from it.
    pub(super) serves: bool,
}

/// What the nodes hold, and what they remember: each refuses what comes of an attempt that is over,
/// as a store has to that gets fencing tokens.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) copies: BTreeMap<(NodeId, ShardId), Copy>,
    /// Shards whose writes are stopped, and for which migration.
    pub(super) fenced: BTreeMap<ShardId, MigrationId>,
    /// What clients were told is written.
    pub(super) acknowledged: BTreeMap<ShardId, Vec<u8>>,
    /// The newest attempt of each migration that a node has heard of.
    tokens: BTreeMap<MigrationId, u64>,
    /// Migrations that were made to serve, or whose copy was discarded: no copy of theirs comes any more.
    over: BTreeSet<MigrationId>,
    released: BTreeSet<MigrationId>,
    /// How often each step of each attempt was called.
    calls: BTreeMap<(&'static str, MigrationId, u64), u64>,
    /// What must never be asked of a mover, and was.
    pub(super) wrong: Vec<String>,
    pub(super) met: BTreeMap<String, u64>,
}

pub(super) struct ChaosMover {
    nodes: Mutex<Nodes>,
    seed: u64,
    pub(super) healthy: AtomicBool,
    /// Calls until the executor at work is asked to stop; it is when this reaches 0.
    calls_left: AtomicI64,
    stop: Mutex<StopToken>,
}

/// When a step goes wrong: before it did anything, or after all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

/// How a step goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Retriable,
    Permanent,
    Unknown,
    Panic,
    Slow,
}

impl ChaosMover {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            nodes: Mutex::default(),
            seed,
            healthy: AtomicBool::new(false),
            calls_left: AtomicI64::new(i64::MAX),
            stop: Mutex::default(),
        }
    }

    pub(super) fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A shard that serves on a node.
    pub(super) fn put(&self, shard: ShardId, node: NodeId) {
        let bytes = vec![u8::try_from(shard.0).unwrap(); SHARD_BYTES];
        let mut nodes = self.nodes();
        nodes.acknowledged.insert(shard, bytes.clone());
        let copy = Copy {
            bytes,
            serves: true,
        };
        nodes.copies.insert((node, shard), copy);
    }

    /// The executor of `stop` is asked to stop after so many calls.
    pub(super) fn stop_after(&self, calls: i64, stop: &StopToken) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        self.calls_left.store(calls, Ordering::Relaxed);
    }

    /// A client writes to whichever node serves the shard. Whether it was told that it is written.
    pub(super) fn write(&self, shard: ShardId, at: usize, byte: u8) -> bool {
        let mut nodes = self.nodes();
        if nodes.fenced.contains_key(&shard) {
            return false;
        }
        let mut serving = nodes.copies.iter_mut();
        let copy = serving.find(|((_, of), copy)| *of == shard && copy.serves);
        let Some((_, copy)) = copy else { return false };
        copy.bytes[at % SHARD_BYTES] = byte;
        let acknowledged = nodes.acknowledged.get_mut(&shard).unwrap();
        acknowledged[at % SHARD_BYTES] = byte;
        true
    }

    /// What goes wrong follows from the seed, the step, the shard and how often this attempt called it:
    /// not from the order in which threads come here.
    fn trouble(&self, step: &'static str, job: &Job) -> Option<(When, Trouble)> {
        if self.calls_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.stop
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .stop();
        }
        let mut nodes = self.nodes();
        let calls = nodes
            .calls
            .entry((step, job.migration, job.epoch.0))
            .or_default();
        *calls += 1;
        let nth = *calls;
        if self.healthy.load(Ordering::Relaxed) {
            return None;
        }
        let key = step.bytes().chain(job.shard.0.to_be_bytes());
        let key = key
            .chain(job.epoch.0.to_be_bytes())
            .chain(nth.to_be_bytes());
        let part = key.fold(0_u64, |part, byte| {
            part.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
        });
        let mut random = Random::of_part(self.seed, part);
        let when = if random.chance(1, 2) {
            When::Before
        } else {
            When::After
        };
        let trouble = match random.below(40) {
            0 | 1 => Trouble::Retriable,
            2 => Trouble::Permanent,
            3 | 4 => Trouble::Unknown,
            5 => Trouble::Panic,
            6 => Trouble::Slow,
            _ => return None,
        };
        let name = match trouble {
            Trouble::Retriable => "retriable",
            Trouble::Permanent => "permanent",
            Trouble::Unknown => "unknown",
            Trouble::Panic => "panic",
            Trouble::Slow => "slow",
        };
        *nodes
            .met
            .entry(format!("mover: {step}, {name}"))
            .or_default() += 1;
        Some((when, trouble))
    }

    /// Does `step`, which may go wrong before or after.
    fn call<T>(
        &self,
        step: &'static str,
        job: &Job,
        does: impl FnOnce(&mut Nodes) -> Result<T, MoverError>,
    ) -> Result<T, MoverError> {
        let trouble = self.trouble(step, job);
        let go_wrong = |when: When| match trouble {
            Some((at, trouble)) if at == when => match trouble {
                Trouble::Retriable => Err(MoverError::retriable(format!("{step}: a hiccup"))),
                Trouble::Permanent => Err(MoverError::permanent(format!("{step}: cannot work"))),
                Trouble::Unknown => Err(MoverError::unknown(format!("{step}: no answer"))),
                // As a panic, but nobody prints it.
                Trouble::Panic => std::panic::resume_unwind(Box::new("as it was told to")),
                Trouble::Slow => {
                    std::thread::sleep(Duration::from_millis(1));
                    Ok(())
                }
            },
            Some(_) | None => Ok(()),
        };
        go_wrong(When::Before)?;
        let done = does(&mut self.nodes())?;
        go_wrong(When::After)?;
        Ok(done)
    }
}

impl Nodes {
    /// Whether a node still listens to this attempt.
    fn admit(&mut self, job: &Job) -> Result<(), MoverError> {
        let newest = self.tokens.entry(job.migration).or_default();
        if self.over.contains(&job.migration) || *newest > job.epoch.0 {
            *self
                .met
                .entry("mover: stale call refused".to_owned())
                .or_default() += 1;
            return Err(MoverError::permanent("this attempt is over"));
        }
        *newest = job.epoch.0;
        Ok(())
    }

    fn source(&self, job: &Job) -> Result<Vec<u8>, MoverError> {
        let source = self.copies.get(&(job.from.node, job.shard));
        let source = source.filter(|copy| copy.serves);
        let gone = || MoverError::permanent("the source does not serve the shard");
        Ok(source.ok_or_else(gone)?.bytes.clone())
    }

    fn arriving(&mut self, job: &Job) -> Result<&mut Copy, MoverError> {
        let copy = self
            .copies
            .entry((job.to.node, job.shard))
            .or_insert_with(|| Copy {
                bytes: Vec::new(),
                serves: false,
            });
        if copy.serves {
            return Err(MoverError::permanent("the destination serves the shard"));
        }
        Ok(copy)
    }

    fn wrong(&mut self, what: &str, job: &Job) {
        self.wrong.push(format!("{what}: {job:?}"));
    }
}

fn side(bytes: &[u8]) -> Side {
    Side {
        items: 1,
        bytes: bytes.len() as u64,
        digest: Digest::new(*blake3::hash(bytes).as_bytes()).unwrap(),
    }
}

impl ShardMover for ChaosMover {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let mut at = checkpoint.map_or(0, |at| usize::try_from(at.bytes_migrated).unwrap());
        let total = Some(SHARD_BYTES as u64);
        while at < SHARD_BYTES {
            let end = at + CHUNK;
            self.call("copy", job, |nodes| {
                nodes.admit(job)?;
                let source = nodes.source(job)?;
                let copy = nodes.arriving(job)?;
                if copy.bytes.len() < at {
                    let gone = MoverError::retriable("what the checkpoint covers is not there");
                    return Err(gone.starting_over());
                }
                copy.bytes.truncate(at);
                copy.bytes.extend(&source[at..end]);
                Ok(())
            })?;
            at = end;
            let cursor = Checkpoint::new((at as u64).to_be_bytes()).unwrap();
            reporter.checkpoint(cursor, at as u64, total)?;
        }
        Ok(())
    }

    fn catch_up(&self, job: &Job, _: &dyn Reporter) -> Result<CatchUp, MoverError> {
        self.call("catch_up", job, |nodes| {
            nodes.admit(job)?;
            let source = nodes.source(job)?;
            nodes.arriving(job)?.bytes = source;
            Ok(CatchUp::Done)
        })
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        self.call("fence", job, |nodes| {
            nodes.admit(job)?;
            nodes.fenced.insert(job.shard, job.migration);
            Ok(())
        })
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.call("unfence", job, |nodes| {
            nodes.admit(job)?;
            if nodes.fenced.get(&job.shard) == Some(&job.migration) {
                nodes.fenced.remove(&job.shard);
            }
            Ok(())
        })
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        reporter.verified(SHARD_BYTES as u64, SHARD_BYTES as u64)?;
        self.call("verify", job, |nodes| {
            nodes.admit(job)?;
            let source = side(&nodes.source(job)?);
            Ok(Proof {
                algorithm: Algorithm::new("blake3").unwrap(),
                source,
                destination: side(&nodes.arriving(job)?.bytes),
            })
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.call("activate", job, |nodes| {
            if !nodes.over.insert(job.migration) {
                return Ok(());
            }
            match nodes.copies.get_mut(&(job.to.node, job.shard)) {
                Some(copy) => copy.serves = true,
                None => nodes.wrong("nothing is there to serve", job),
            }
            if let Some(source) = nodes.copies.get_mut(&(job.from.node, job.shard)) {
                source.serves = false;
            }
            nodes.fenced.remove(&job.shard);
            Ok(())
        })
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.call("release_source", job, |nodes| {
            if !nodes.released.insert(job.migration) {
                return Ok(());
            }
            let there = nodes.copies.get(&(job.to.node, job.shard));
            if !there.is_some_and(|copy| copy.serves) {
                nodes.wrong("the source goes before the destination serves", job);
            }
            if let Some(gone) = nodes.copies.remove(&(job.from.node, job.shard))
                && gone.serves
            {
                nodes.wrong("what clients are answered from was released", job);
            }
            Ok(())
        })
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.call("discard_destination", job, |nodes| {
            if !nodes.over.insert(job.migration) {
                return Ok(());
            }
            if nodes.fenced.get(&job.shard) == Some(&job.migration) {
                nodes.wrong("it ended while writes were stopped for it", job);
            }
            if let Some(gone) = nodes.copies.remove(&(job.to.node, job.shard))
                && gone.serves
            {
                nodes.wrong("what clients are answered from was discarded", job);
            }
            Ok(())
        })
    }
}
