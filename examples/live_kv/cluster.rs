//! The whole of it: a tracker, and the nodes that it speaks of.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use shardferry::schema::text::{NodeName, RangeKey, ShardName};
use shardferry::store::OpenOptions;
use shardferry::tracker::RegistryChange;
use shardferry::{
    KeyRange, MigrationTracker, Node as RegisteredNode, NodeId, Settings, Shard, ShardId,
    Verification,
};

use crate::error::AnyError;
use crate::marks::Marks;
use crate::nodes::Nodes;
use crate::options::Options;
use crate::shard_file::Change;

/// Nodes that are in one folder, each in one of its own, and the tracker's file beside them.
pub(crate) struct Cluster {
    pub(crate) tracker: MigrationTracker,
    pub(crate) nodes: Arc<Nodes>,
}

/// Rows that are there from the beginning have this in their key.
pub(crate) const FIRST_ROWS: &str = "-first-";

impl Cluster {
    /// Opens the cluster in `folder`, or makes one. A process that is killed in the middle of that
    /// leaves what the next one goes on with.
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self, AnyError> {
        let path = folder.join("shards.redb");
        let tracker = if path.try_exists()? {
            MigrationTracker::open(&path)?
        } else {
            MigrationTracker::create_with(&path, &OpenOptions::default(), &settings(options))?
        };
        let known = u64::try_from(tracker.snapshot()?.nodes.len())?;
        let count = if known == 0 { options.nodes } else { known };
        let nodes = Arc::new(Nodes::open(folder, count)?);
        let cluster = Self { tracker, nodes };
        if known == 0 {
            cluster.make(options)?;
        }
        Ok(cluster)
    }

    /// Makes the shards, then registers all of them at once: from then on the registry knows where
    /// they are.
    fn make(&self, options: &Options) -> Result<(), AnyError> {
        let mut changes = Vec::new();
        for node in self.nodes.iter() {
            let name = NodeName::new(format!("node-{}", node.id))?;
            let node = RegisteredNode::new(node.id, name);
            changes.push(RegistryChange::RegisterNode(node));
        }
        for index in 0..options.shards {
            let (id, owner) = (ShardId(index), NodeId(1 + index % options.nodes));
            let node = self.nodes.get(owner).ok_or("no such node")?;
            let rows = first_rows(options, index);
            if node.find(id).is_none() {
                node.make(id, Marks::MADE_HERE, &rows)?;
            }
            let mut shard = Shard::new(id, ShardName::new(format!("shard-{id}"))?, owner);
            shard.keys = options.rows;
            shard.range = Some(KeyRange {
                start: RangeKey::new(bound(options, index))?,
                end: (index + 1 < options.shards)
                    .then(|| RangeKey::new(bound(options, index + 1)))
                    .transpose()?,
            });
            changes.push(RegistryChange::RegisterShard(shard));
        }
        self.tracker.change_registry(&changes)?;
        Ok(())
    }
}

fn settings(options: &Options) -> Settings {
    Settings {
        verification: Verification::Required,
        in_flight_max: Some(2),
        bytes_per_second_max: options.bytes_per_second,
        attempts_max: 10,
        backoff_ms_min: 10,
        backoff_ms_max: 200,
        cooldown_ms: 0,
        ..Settings::default()
    }
}

/// Keys begin with four hexadecimal digits, which say where they belong.
const PLACES: u64 = 1 << 16;

fn bound(options: &Options, index: u64) -> String {
    format!("{:04x}", index * PLACES / options.shards)
}

/// A key that belongs to `place`.
pub(crate) fn key_at(place: u64, rest: &str) -> String {
    format!("{:04x}{rest}", place % PLACES)
}

fn first_rows(options: &Options, index: u64) -> Vec<Change> {
    let (start, end) = (
        index * PLACES / options.shards,
        (index + 1) * PLACES / options.shards,
    );
    let change = |row: u64| {
        let place = start + row * 7919 % (end - start);
        let value = vec![b'.'; options.value_bytes];
        Change {
            key: key_at(place, &format!("{FIRST_ROWS}{row}")).into_bytes(),
            value: Some(value),
        }
    };
    (0..options.rows).map(change).collect()
}

/// The cluster as clients find it: another one after a crash. Whoever is inside has a request
/// under way.
pub(crate) struct Door(RwLock<Arc<Cluster>>);

impl Door {
    pub(crate) fn new(cluster: &Arc<Cluster>) -> Self {
        Self(RwLock::new(Arc::clone(cluster)))
    }

    pub(crate) fn enter(&self) -> RwLockReadGuard<'_, Arc<Cluster>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody is inside, and lets nobody in meanwhile.
    #[cfg(test)]
    pub(crate) fn close(&self) -> std::sync::RwLockWriteGuard<'_, Arc<Cluster>> {
        self.0.write().unwrap()
    }
}
