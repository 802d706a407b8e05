//! Where one case takes place: a world, and the file of a tracker with one migration.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::failure::Fault;
use super::image::image;
use super::point::Step;
use super::run::Run;
use super::stage::Stage;
use super::watched::Watched;
use super::{
    BYSTANDER, BYSTANDER_NAME, DESTINATION, Look, Options, SHARD, SHARD_NAME, SOURCE, World,
    WorldError,
};
use crate::executor::{Endpoint, Executor, ExecutorOptions, Job, StopToken};
use crate::schema::text::{Address, NodeName, ShardName};
use crate::schema::v1::{Node, Settings, Shard, Verification};
use crate::schema::{MigrationId, NodeId};
use crate::store::OpenOptions;
use crate::tracker::MigrationTracker;

/// How often a case starts the executor again before it looks at what is left: it ends a run by
/// itself when a cleanup fails three times, or when another executor holds the migration.
const RUNS_MAX: usize = 8;

/// Long enough for no lease to run out in a case.
const LEASE_MS: u64 = 3_600_000;

/// A world, a file, and a migration that is to be moved.
pub(super) struct Site<W> {
    pub(super) world: Arc<W>,
    pub(super) tracker: Arc<MigrationTracker>,
    pub(super) id: MigrationId,
    /// What the shard holds at first.
    pub(super) shard: String,
    /// What nobody may touch.
    pub(super) bystander: String,
    folder: TempDir,
    images: usize,
}

impl<W: World> Site<W> {
    /// A fresh one, in which leases last.
    pub(super) fn new(
        make: &dyn Fn() -> Result<W, WorldError>,
        options: &Options,
    ) -> Result<Self, Fault> {
        Self::with_lease(make, options, LEASE_MS)
    }

    pub(super) fn with_lease(
        make: &dyn Fn() -> Result<W, WorldError>,
        options: &Options,
        lease_ms: u64,
    ) -> Result<Self, Fault> {
        let world = make().map_err(|error| Fault::of_world(&error))?;
        let (shard, bystander) = contents(&world)?;
        let folder = match &options.folder {
            Some(folder) => TempDir::new_in(folder)?,
            None => TempDir::new()?,
        };
        let settings = Settings {
            verification: Verification::Required,
            attempts_max: 10,
            backoff_ms_min: 1,
            backoff_ms_max: 2,
            lease_ms,
            ..Settings::default()
        };
        let path = folder.path().join("0.redb");
        let tracker = MigrationTracker::create_with(path, &OpenOptions::default(), &settings)?;
        register(&tracker, &world)?;
        let id = tracker.begin_migration(SHARD, SOURCE, DESTINATION)?;
        Ok(Self {
            world: Arc::new(world),
            tracker: Arc::new(tracker),
            id,
            shard,
            bystander,
            folder,
            images: 0,
        })
    }

    /// Starts an executor in a thread of its own.
    pub(super) fn start(&self, stage: Stage, twice: Option<Step>) -> Result<Run, Fault> {
        self.start_with(stage, twice, StopToken::new())
    }

    /// As [`Self::start`], with a token that asks it to stop.
    pub(super) fn start_with(
        &self,
        stage: Stage,
        twice: Option<Step>,
        stop: StopToken,
    ) -> Result<Run, Fault> {
        let stage = Arc::new(stage);
        let mover = Watched::new(&self.world, &stage, twice);
        Run::start(&self.tracker, mover, stage, stop)
    }

    /// The process is gone, and a new one opens the file as it was left.
    pub(super) fn restart(&mut self) -> Result<(), Fault> {
        // What was reported is on the disk, as it may be at any time: else a crash would take the
        // checkpoints with it, and nothing would be resumed.
        self.tracker.flush()?;
        self.images += 1;
        let path = self.folder.path().join(format!("{}.redb", self.images));
        image(self.tracker.path(), &path)?;
        self.tracker = Arc::new(MigrationTracker::open(&path)?);
        Ok(())
    }

    /// Runs executors until nothing is left to do, or nothing more gets done.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        let stage = Arc::new(Stage::new(Vec::new()));
        for _ in 0..RUNS_MAX {
            let mover = Watched::new(&self.world, &stage, None);
            let report = Executor::run(&self.tracker, &mover, &executor()?)?;
            if report.unfinished.is_empty() && report.cleanups.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        stage.verdict()
    }

    pub(super) fn look(&self, node: NodeId) -> Result<Look, Fault> {
        look(&*self.world, node)
    }

    /// The job as an executor would give it, for steps that are called without one.
    pub(super) fn job(&self) -> Result<Job, Fault> {
        let migration = self.tracker.get_migration(self.id)?;
        let end = |node| -> Result<Endpoint, Fault> {
            let registered = self.tracker.node(node)?;
            Ok(Endpoint {
                node,
                name: registered.as_ref().map(|node| node.name.clone()),
                address: registered.and_then(|node| node.address),
            })
        };
        Ok(Job {
            migration: self.id,
            epoch: migration.map(|now| now.epoch).unwrap_or_default(),
            shard: SHARD,
            shard_name: Some(ShardName::new(SHARD_NAME)?),
            from: end(SOURCE)?,
            to: end(DESTINATION)?,
        })
    }
}

/// One worker: a case is about one migration.
pub(super) fn executor() -> Result<ExecutorOptions, Fault> {
    Ok(ExecutorOptions {
        workers: std::num::NonZeroUsize::MIN,
        ..ExecutorOptions::new("conformance")?
    })
}

pub(super) fn look<W: World>(world: &W, node: NodeId) -> Result<Look, Fault> {
    world.look(node).map_err(|error| Fault::of_world(&error))
}

/// What the shards of a fresh world hold; a world that is not as it should be is refused.
fn contents<W: World>(world: &W) -> Result<(String, String), Fault> {
    let (source, destination) = (look(world, SOURCE)?, look(world, DESTINATION)?);
    let only = |look: &Look, shard| {
        let content = look.served.get(&shard).cloned();
        content.filter(|_| look.served.len() == 1 && look.left_over.is_empty())
    };
    match (only(&source, SHARD), only(&destination, BYSTANDER)) {
        (Some(shard), Some(bystander)) => Ok((shard, bystander)),
        (None, _) => Err(Fault::new(
            format!("a fresh world with shard {SHARD} on node {SOURCE}, and nothing else"),
            format!("{source:?}"),
        )),
        (_, None) => Err(Fault::new(
            format!("a fresh world with shard {BYSTANDER} on node {DESTINATION}, and nothing else"),
            format!("{destination:?}"),
        )),
    }
}

fn register<W: World>(tracker: &MigrationTracker, world: &W) -> Result<(), Fault> {
    for (id, name) in [(SOURCE, "source"), (DESTINATION, "destination")] {
        let mut node = Node::new(id, NodeName::new(name)?);
        node.address = world.address(id).map(Address::new).transpose()?;
        tracker.register_node(node)?;
    }
    for (id, name, owner) in [
        (SHARD, SHARD_NAME, SOURCE),
        (BYSTANDER, BYSTANDER_NAME, DESTINATION),
    ] {
        tracker.register_shard(Shard::new(id, ShardName::new(name)?, owner))?;
    }
    Ok(())
}
