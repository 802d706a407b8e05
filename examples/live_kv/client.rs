//! A client: writes, reads back, and follows the shards.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::{NodeId, ShardId};

use crate::cluster::{Cluster, Door, key_at};
use crate::error::{AnyError, NodeError};
use crate::journal::{Journal, Op, Past, Want};
use crate::node::Node;
use crate::rows::Row;
use crate::shard_file::Change;

/// Keys that each client writes, again and again. Nobody else writes them: so it knows what it
/// has to read.
const KEYS: u32 = 128;

/// How long a client waits where it is told to come again; doubles up to the longest.
const WAIT_MIN: Duration = Duration::from_micros(100);
const WAIT_MAX: Duration = Duration::from_millis(2);

/// What all clients share.
pub(crate) struct Shared {
    pub(crate) door: Door,
    pub(crate) stop: AtomicBool,
    pub(crate) acknowledged: AtomicU64,
    /// Answers "not here" and "not now".
    pub(crate) sent_on: AtomicU64,
    pub(crate) value_bytes: usize,
    /// How long a client thinks between two requests.
    pub(crate) pace: Duration,
}

impl Shared {
    pub(crate) fn new(cluster: &Arc<Cluster>, value_bytes: usize) -> Self {
        Self {
            door: Door::new(cluster),
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            sent_on: AtomicU64::new(0),
            value_bytes,
            pace: Duration::ZERO,
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Ends the clients when it is dropped, also when something fails: they are waited for.
pub(crate) struct Stopping<'a>(pub(crate) &'a Shared);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// When a write of a shard was acknowledged.
pub(crate) type Heard = (ShardId, Instant);

/// One client.
pub(crate) struct Client<'a> {
    number: u32,
    shared: &'a Shared,
    journal: Journal,
    past: Past,
    dice: Dice,
    /// Which shard a key is in; ranges do not change.
    shards: HashMap<u32, ShardId>,
    /// Who it believes to have a shard.
    believed: HashMap<ShardId, NodeId>,
    heard: Vec<Heard>,
}

/// The journal of a client.
pub(crate) fn journal_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("client-{number}.journal"))
}

/// The key number `key` of a client.
pub(crate) fn key_of(client: u32, key: u32) -> String {
    let place = u64::from(client * KEYS + key).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    key_at(place, &format!("-client-{client}-{key}"))
}

/// The number of the write that left `row`, if there is a value. One that no client wrote has the
/// number of no write.
pub(crate) fn number_in(row: Option<&Row>) -> Option<u64> {
    let value = row?.value.as_deref()?;
    let text = std::str::from_utf8(value).unwrap_or_default();
    let number = text.split_once(' ').map(|(number, _)| number.parse());
    Some(number.and_then(Result::ok).unwrap_or(u64::MAX))
}

impl<'a> Client<'a> {
    pub(crate) fn new(folder: &Path, number: u32, shared: &'a Shared) -> Result<Self, AnyError> {
        let path = journal_path(folder, number);
        Ok(Self {
            number,
            shared,
            past: Past::read(&path)?,
            journal: Journal::open(&path)?,
            dice: Dice(u64::from(number) + 1),
            shards: HashMap::new(),
            believed: HashMap::new(),
            heard: Vec::new(),
        })
    }

    /// Writes until it is asked to stop.
    pub(crate) fn run(mut self) -> Result<Vec<Heard>, AnyError> {
        while !self.shared.is_stopped() {
            let key = self.dice.below(KEYS);
            if self.dice.below(8) == 0 {
                self.read(key)?;
            } else {
                self.write(key)?;
            }
            if !self.shared.pace.is_zero() {
                thread::sleep(self.shared.pace);
            }
        }
        Ok(self.heard)
    }

    fn write(&mut self, key: u32) -> Result<(), AnyError> {
        let op = if self.dice.below(8) == 0 {
            Op::Delete
        } else {
            Op::Put
        };
        let past = self.past.keys.entry(key).or_default();
        let want = Want {
            number: past.next,
            op,
        };
        past.want(want);
        self.journal.want(key, want)?;
        let change = Change {
            key: key_of(self.number, key).into_bytes(),
            value: match op {
                Op::Put => Some(self.value(want.number)),
                Op::Delete => None,
            },
        };
        let answer = self.ask(key, |node, shard| node.write(shard, change.clone()))?;
        let Some((shard, ack)) = answer else {
            return Ok(());
        };
        self.heard.push((shard, Instant::now()));
        self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.journal.done(key, want.number, shard, &ack)?;
        self.past
            .keys
            .entry(key)
            .or_default()
            .done(want.number, ack);
        Ok(())
    }

    fn value(&self, number: u64) -> Vec<u8> {
        let width = self.shared.value_bytes;
        format!("{number} {:.<width$}", "").into_bytes()
    }

    /// What it reads is what it wrote last.
    pub(crate) fn read(&mut self, key: u32) -> Result<(), AnyError> {
        let text = key_of(self.number, key);
        let answer = self.ask(key, |node, shard| node.read(shard, text.as_bytes()))?;
        let Some((shard, row)) = answer else {
            return Ok(());
        };
        let found = number_in(row.as_ref());
        let past = self.past.keys.entry(key).or_default();
        if past.allows(found) {
            return Ok(());
        }
        Err(format!(
            "client {} read write {found:?} of its key {text} in shard {shard}; it knows of {past:?}",
            self.number
        )
        .into())
    }

    /// Asks the node that it believes to have the key, and those that the tracker names, until one
    /// answers. `None`: it was asked to stop before.
    fn ask<T>(
        &mut self,
        key: u32,
        request: impl Fn(&Node, ShardId) -> Result<T, NodeError>,
    ) -> Result<Option<(ShardId, T)>, AnyError> {
        let mut wait = WAIT_MIN;
        while !self.shared.is_stopped() {
            let shared = self.shared;
            let cluster = shared.door.enter();
            let (shard, believed) = self.believed(&cluster, key)?;
            let node = cluster.nodes.get(believed).ok_or("no such node")?;
            match request(node, shard) {
                Ok(answer) => return Ok(Some((shard, answer))),
                Err(NodeError::NotHere { .. } | NodeError::NotServing { .. }) => {
                    self.shared.sent_on.fetch_add(1, Ordering::Relaxed);
                    // Elsewhere at once, here after a little.
                    if self.look_up(&cluster, key)? != (shard, believed) {
                        continue;
                    }
                }
                // Written again it is at worst written twice, the same both times.
                Err(NodeError::Unknown(_)) => {
                    self.look_up(&cluster, key)?;
                }
                Err(
                    error @ (NodeError::Refused { .. }
                    | NodeError::Ended { .. }
                    | NodeError::Marks(_)
                    | NodeError::Redb(_)
                    | NodeError::Io { .. }),
                ) => return Err(error.into()),
            }
            drop(cluster);
            thread::sleep(wait);
            wait = (wait * 2).min(WAIT_MAX);
        }
        Ok(None)
    }

    fn believed(&mut self, cluster: &Cluster, key: u32) -> Result<(ShardId, NodeId), AnyError> {
        let shard = self.shards.get(&key);
        match shard.and_then(|shard| Some((*shard, *self.believed.get(shard)?))) {
            Some(known) => Ok(known),
            None => self.look_up(cluster, key),
        }
    }

    /// Who owns the shard of a key, by the tracker.
    fn look_up(&mut self, cluster: &Cluster, key: u32) -> Result<(ShardId, NodeId), AnyError> {
        let text = key_of(self.number, key);
        let shard = (cluster.tracker.find_shard_for_key(text.as_bytes())?)
            .ok_or_else(|| format!("no shard has the key {text}"))?;
        self.shards.insert(key, shard.id);
        self.believed.insert(shard.id, shard.owner);
        Ok((shard.id, shard.owner))
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(end.max(1))).unwrap_or(0)
    }
}
