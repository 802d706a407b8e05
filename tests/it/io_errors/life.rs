//! The life of a database: created, worked with, closed and opened, worked with, closed.

use shardferry::schema::text::Checkpoint;
use shardferry::store::{Durability, OpenError, OpenOptions, StoreError};
use shardferry::testkit::FaultyDisk;
use shardferry::tracker::{
    BeginError, BeginPlanError, BeginRequest, Claim, ClaimError, CleanupError, RegistryChange,
    RegistryError, TransitionError,
};
use shardferry::{MigrationId, MigrationTracker, Settings, ShardId, Verification};

use crate::support::{A, B, blake3, node, request, shard, side, worker};

pub(super) const FILE: &str = "shards.redb";

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Nodes,
    Shards,
    Begin(u64),
    BeginPlan(u64, u64),
    Claim(u64),
    Report(u64),
    Fence(u64),
    Verify(u64),
    Evidence(u64),
    CutOver(u64),
    Start(u64),
    Progress(u64),
    Fail(u64),
    Cancel(u64),
    SettleSource(u64),
    SettleDestination(u64),
    KeepOne,
    Reopen,
    Flush,
}

/// Why an operation did not succeed.
#[derive(Debug)]
pub(super) enum Broken {
    Store(StoreError),
    Open(OpenError),
    /// Something that no fault of a disk explains.
    Other(String),
}

/// Where a life stopped, and the handle, where there is one.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) at: usize,
    pub(super) why: Broken,
    pub(super) tracker: Option<MigrationTracker>,
}

pub(super) struct Life {
    pub(super) name: &'static str,
    pub(super) options: OpenOptions,
    pub(super) ops: Vec<Op>,
}

impl Life {
    /// With everything in memory.
    pub(super) fn roomy() -> Self {
        Self::with("roomy", 64 << 20)
    }

    /// With hardly anything in memory.
    pub(super) fn tight() -> Self {
        Self::with("tight", 16 << 10)
    }

    /// With a write-ahead log, which is full now and then.
    pub(super) fn logged() -> Self {
        let mut life = Self::with("logged", 64 << 20);
        life.options.durability = Durability::WriteAhead;
        life.options.wal_bytes = 64 << 10;
        life
    }

    fn with(name: &'static str, cache_bytes: usize) -> Self {
        let options = OpenOptions {
            cache_bytes,
            ..OpenOptions::default()
        };
        let ops = vec![
            Op::Create,
            Op::Nodes,
            Op::Shards,
            Op::Begin(1),
            Op::Begin(2),
            Op::Begin(3),
            Op::Claim(1),
            Op::Report(1),
            Op::Fence(1),
            Op::Verify(1),
            Op::Evidence(1),
            Op::CutOver(1),
            Op::SettleSource(1),
            Op::Reopen,
            Op::Start(2),
            Op::Progress(2),
            Op::Fail(2),
            Op::SettleDestination(2),
            Op::Cancel(3),
            Op::KeepOne,
            Op::BeginPlan(4, 5),
            Op::Claim(4),
            Op::Verify(4),
            Op::Evidence(4),
            Op::CutOver(4),
            Op::Cancel(5),
            Op::Flush,
        ];
        Self { name, options, ops }
    }

    /// Lives from operation `from` on, and closes the file. `after` sees the handle after each.
    pub(super) fn go(
        &self,
        disk: &FaultyDisk,
        from: usize,
        after: &mut dyn FnMut(&MigrationTracker),
    ) -> Option<Stopped> {
        let mut at = from;
        let opened = if self.ops.get(at) == Some(&Op::Create) {
            let settings = Settings {
                verification: Verification::Required,
                ..Settings::default()
            };
            disk.create(FILE, &self.options, &settings)
        } else {
            disk.open(FILE, &self.options)
        };
        let mut tracker = match opened {
            Ok(tracker) => tracker,
            Err(error) => return Some(stopped(at, error)),
        };
        if self.ops.get(at) == Some(&Op::Create) {
            after(&tracker);
            at += 1;
        }
        loop {
            match self.work(&tracker, &mut at, after) {
                Err(why) => {
                    let tracker = Some(tracker);
                    return Some(Stopped { at, why, tracker });
                }
                Ok(()) if at == self.ops.len() => return None,
                Ok(()) => {
                    drop(tracker);
                    tracker = match disk.open(FILE, &self.options) {
                        Ok(tracker) => tracker,
                        Err(error) => return Some(stopped(at, error)),
                    };
                    after(&tracker);
                    at += 1;
                }
            }
        }
    }

    /// Works until the end, or until the file is to be opened again.
    fn work(
        &self,
        tracker: &MigrationTracker,
        at: &mut usize,
        after: &mut dyn FnMut(&MigrationTracker),
    ) -> Result<(), Broken> {
        let mut claim = None;
        while let Some(op) = self.ops.get(*at) {
            if *op == Op::Reopen {
                return Ok(());
            }
            op.run(tracker, &mut claim)?;
            after(tracker);
            *at += 1;
        }
        Ok(())
    }

    /// Where to go on so that operation `at` comes about: a claim does not outlive its handle.
    pub(super) fn restart(&self, at: usize) -> usize {
        let claimed = match self.ops.get(at) {
            Some(
                Op::Report(shard)
                | Op::Fence(shard)
                | Op::Verify(shard)
                | Op::Evidence(shard)
                | Op::CutOver(shard),
            ) => Op::Claim(*shard),
            _ => return at,
        };
        let found = self.ops.iter().position(|op| *op == claimed);
        found.unwrap()
    }
}

fn stopped(at: usize, error: OpenError) -> Stopped {
    Stopped {
        at,
        why: Broken::Open(error),
        tracker: None,
    }
}

impl Op {
    pub(super) fn has_request_keys(self) -> bool {
        matches!(self, Self::Begin(_) | Self::BeginPlan(..))
    }

    pub(super) fn shards(self) -> Vec<ShardId> {
        match self {
            Self::Begin(one) => vec![ShardId(one)],
            Self::BeginPlan(one, two) => vec![ShardId(one), ShardId(two)],
            _ => Vec::new(),
        }
    }

    fn requests(self) -> Vec<BeginRequest> {
        let shards = self.shards().into_iter();
        shards
            .map(|shard| request(shard, A, B, &format!("move {}", shard.0)))
            .collect()
    }

    pub(super) fn begin(self, tracker: &MigrationTracker) -> Result<Vec<MigrationId>, Broken> {
        let requests = self.requests();
        match (self, requests.as_slice()) {
            (Self::Begin(_), [one]) => Ok(vec![tracker.begin(one)?]),
            _ => Ok(tracker.begin_plan(&requests)?),
        }
    }

    fn run<'t>(
        self,
        tracker: &'t MigrationTracker,
        claim: &mut Option<Claim<'t>>,
    ) -> Result<(), Broken> {
        let id = |shard| -> Result<MigrationId, Broken> {
            let active = tracker.active_migration(ShardId(shard))?;
            Ok(active.ok_or(Broken::Other(format!("{self:?}")))?.id)
        };
        let claimed = || claim.as_ref().ok_or(Broken::Other("no claim".to_owned()));
        match self {
            Self::Create | Self::Reopen => {}
            Self::Nodes => {
                let nodes = [1, 2, 3].map(|id| RegistryChange::RegisterNode(node(id)));
                tracker.change_registry(&nodes)?;
            }
            Self::Shards => {
                let shards = [1, 2, 3, 4, 5].map(|id| RegistryChange::RegisterShard(shard(id, A)));
                tracker.change_registry(&shards)?;
            }
            Self::Begin(_) | Self::BeginPlan(..) => drop(self.begin(tracker)?),
            Self::Claim(shard) => {
                let new = tracker.claim(id(shard)?, &worker())?;
                if new.migration().fenced_at_ms.is_some() {
                    new.unfence()?;
                }
                *claim = Some(new);
            }
            Self::Report(_) => {
                let cursor = Checkpoint::new("half").unwrap();
                claimed()?.report(10, Some(20), Some(cursor))?;
            }
            Self::Fence(_) => drop(claimed()?.fence()?),
            Self::Verify(_) => drop(claimed()?.begin_verification()?),
            Self::Evidence(_) => drop(claimed()?.submit_evidence(blake3(), side(1), side(1))?),
            Self::CutOver(_) => drop(claimed()?.complete()?),
            Self::Start(shard) => drop(tracker.start_migration(id(shard)?)?),
            Self::Progress(shard) => drop(tracker.update_progress(id(shard)?, 5, 10)?),
            Self::Fail(shard) => drop(tracker.fail_migration(id(shard)?, "broken")?),
            Self::Cancel(shard) => drop(tracker.cancel_migration(id(shard)?, "not wanted")?),
            Self::SettleSource(shard) => tracker.settle_cleanup(A, ShardId(shard))?,
            Self::SettleDestination(shard) => tracker.settle_cleanup(B, ShardId(shard))?,
            Self::KeepOne => {
                let settings = Settings {
                    retention_count_max: Some(1),
                    ..tracker.settings()?
                };
                tracker.set_settings(&settings)?;
            }
            Self::Flush => tracker.flush()?,
        }
        Ok(())
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! broken {
    ($($error:ident),*) => {
        $(impl From<$error> for Broken {
            fn from(error: $error) -> Self {
                match error {
                    $error::Store(error) => Self::Store(error),
                    other => Self::Other(other.to_string()),
                }
            }
        })*
    };
}

broken!(
    BeginError,
    BeginPlanError,
    ClaimError,
    CleanupError,
    RegistryError,
    TransitionError
);
