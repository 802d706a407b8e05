//! A life of a tracker that follows from a seed.

use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{FailureClass, Trigger};
use shardferry::store::{Durability, OpenOptions, StoreError};
use shardferry::testkit::{Random, SimDisk};
use shardferry::tracker::{BeginError, BeginRequest};
use shardferry::{Migration, MigrationTracker, NodeId, NodeState, Settings, ShardId};

use super::history::{History, Promise};
use crate::support::{A, B, blake3, key, node, node_in, shard, side, worker};

pub(super) const NODES: u64 = 4;
const SHARDS: u64 = 5;
/// Shards that nobody registered: theirs are the commits that fail.
const UNREGISTERED: u64 = 100;

/// Migrations with a large cursor, in a life in which the file grows.
const GROWING: u64 = 24;

/// A life in which the file grows, again and again.
pub(crate) fn grow(disk: SimDisk, durability: Durability, seed: u64) -> History {
    let mut life = Life::new(disk, durability, 0, seed);
    let tracker = life.create();
    life.grow(&tracker);
    life.reopen(tracker);
    life.history
}

/// A life of at least `steps` operations.
pub(crate) fn live(disk: SimDisk, durability: Durability, steps: usize, seed: u64) -> History {
    let mut life = Life::new(disk, durability, steps, seed);
    let tracker = life.create();
    life.sessions(tracker);
    life.history
}

/// Small limits, so that all of them are met.
fn settings(random: &mut Random) -> Settings {
    Settings {
        retention_count_max: Some(2 + random.below(3)),
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        attempts_max: 2,
        in_flight_max: Some(4),
        in_flight_per_pair_max: Some(1 + random.below(3) as u32),
        cleanup_grace_ms: 3_600_000 * random.below(2),
        // Progress then becomes durable with the next transition only.
        progress_lag_ms_max: 1_000_000_000,
        ..Settings::default()
    }
}

pub(super) struct Life {
    pub(super) history: History,
    pub(super) random: Random,
    steps: usize,
    names: u64,
}

impl Life {
    pub(super) fn new(disk: SimDisk, durability: Durability, steps: usize, seed: u64) -> Self {
        let options = OpenOptions {
            durability,
            cache_bytes: 1024 * 1024,
            // It is full after a few operations.
            wal_bytes: 64 * 1024,
            ..OpenOptions::default()
        };
        Self {
            history: History::on(disk, options),
            random: Random::new(seed),
            steps,
            names: 0,
        }
    }

    fn create(&mut self) -> MigrationTracker {
        let settings = settings(&mut self.random);
        self.create_with(&settings)
    }

    pub(super) fn create_with(&mut self, settings: &Settings) -> MigrationTracker {
        let invoked = self.history.disk.changes();
        let tracker = self.history.disk.create(&self.history.options, settings);
        let tracker = tracker.unwrap();
        self.history
            .note("create", Promise::Durable, invoked, &tracker);
        for id in 1..=NODES {
            self.durable(&tracker, "register node", |tracker| {
                tracker.register_node(node(id)).unwrap();
            });
        }
        for id in 1..=SHARDS {
            let owner = NodeId(1 + id % NODES);
            self.durable(&tracker, "register shard", |tracker| {
                tracker.register_shard(shard(id, owner)).unwrap();
            });
        }
        tracker
    }

    fn sessions(&mut self, mut tracker: MigrationTracker) {
        loop {
            if self.history.steps.len() >= self.steps {
                self.reopen(tracker);
                return;
            }
            match self.random.below(28) {
                0..=4 => self.begin(&tracker),
                5 | 6 => self.begin_plan(&tracker),
                7..=12 => self.drive(&tracker),
                13..=15 => self.by_hand(&tracker),
                16..=18 => self.settle(&tracker),
                19 => self.registry(&tracker),
                20 => {
                    let settings = settings(&mut self.random);
                    self.durable(&tracker, "settings", |tracker| {
                        tracker.set_settings(&settings).unwrap();
                    });
                }
                21 => self.step(&tracker, "flush", Promise::Flushed, |tracker| {
                    tracker.flush().unwrap();
                }),
                22 => tracker = self.failed_commit(tracker),
                23..=26 => self.operate(&tracker),
                _ => tracker = self.reopen(tracker),
            }
        }
    }

    /// An operation whose answer says that the disk has it. Refusals are answers as well.
    pub(super) fn durable(
        &mut self,
        tracker: &MigrationTracker,
        name: &str,
        does: impl FnOnce(&MigrationTracker),
    ) {
        self.step(tracker, name, Promise::Durable, |tracker| {
            does(tracker);
        });
    }

    fn step(
        &mut self,
        tracker: &MigrationTracker,
        name: &str,
        promise: Promise,
        does: impl FnOnce(&MigrationTracker),
    ) {
        let invoked = self.history.disk.changes();
        does(tracker);
        self.history.note(name, promise, invoked, tracker);
    }

    pub(super) fn reopen(&mut self, tracker: MigrationTracker) -> MigrationTracker {
        let invoked = self.history.disk.changes();
        drop(tracker);
        self.history.measure_clean_open();
        let tracker = self.history.disk.open(&self.history.options).unwrap();
        self.history
            .note("reopen", Promise::Flushed, invoked, &tracker);
        tracker
    }

    /// A commit whose sync fails: nobody knows what became of it, until the file is opened again.
    fn failed_commit(&mut self, tracker: MigrationTracker) -> MigrationTracker {
        self.names += 1;
        let shard = ShardId(UNREGISTERED + self.names);
        let invoked = self.history.disk.changes();
        self.history.disk.fail_a_sync_after(0);
        let mut before_its_commit = false;
        match tracker.begin_migration(shard, A, B) {
            // An answer is a promise, whatever the disk said; images are held to it from here on.
            Ok(id) => {
                let name = "begin over a failing sync";
                self.history.note(name, Promise::Durable, invoked, &tracker);
                let tracker = self.reopen(tracker);
                let there = tracker.get_migration(id).unwrap().is_some();
                assert!(there, "what was acknowledged over a failing sync is gone");
                return tracker;
            }
            Err(BeginError::Store(StoreError::CommitUnknown { .. })) => {}
            // The file had to grow for it first, and what failed is the sync of that.
            Err(BeginError::Store(StoreError::Storage { .. })) => before_its_commit = true,
            Err(other) => panic!("{other}"),
        }
        drop(tracker);
        let tracker = self.history.disk.open(&self.history.options).unwrap();
        if before_its_commit {
            let under_way = tracker.active_migration(shard).unwrap();
            assert!(
                under_way.is_none(),
                "what failed before its commit is there"
            );
        }
        self.history
            .note("a failed commit", Promise::Durable, invoked, &tracker);
        tracker
    }

    fn request(&mut self, tracker: &MigrationTracker) -> BeginRequest {
        let id = ShardId(1 + self.random.below(SHARDS));
        let owner = tracker.shard(id).unwrap().map_or(A, |shard| shard.owner);
        let to = NodeId(1 + self.random.below(NODES));
        self.names += 1;
        let version = tracker.shard(id).unwrap().map(|shard| shard.version);
        BeginRequest {
            expected_version: version.filter(|_| self.random.chance(1, 4)),
            trigger: if self.random.chance(1, 4) {
                Trigger::Drain
            } else {
                Trigger::Manual
            },
            request: self
                .random
                .chance(1, 2)
                .then(|| key(&format!("request-{}", self.names))),
            ..BeginRequest::new(id, owner, to)
        }
    }

    fn begin(&mut self, tracker: &MigrationTracker) {
        let request = self.request(tracker);
        self.durable(tracker, "begin", |tracker| drop(tracker.begin(&request)));
    }

    fn begin_plan(&mut self, tracker: &MigrationTracker) {
        let requests = [self.request(tracker), self.request(tracker)];
        self.durable(tracker, "begin_plan", |tracker| {
            drop(tracker.begin_plan(&requests));
        });
    }

    pub(super) fn any(&mut self, tracker: &MigrationTracker) -> Option<Migration> {
        let mut unfinished = tracker.unfinished().unwrap();
        if unfinished.is_empty() {
            return None;
        }
        let at = self.random.below(unfinished.len() as u64) as usize;
        Some(unfinished.swap_remove(at))
    }

    /// An executor's work, which may stop anywhere.
    fn drive(&mut self, tracker: &MigrationTracker) {
        let Some(migration) = self.any(tracker) else {
            return;
        };
        let invoked = self.history.disk.changes();
        let (name, claim) = if self.random.chance(1, 2) {
            ("claim", tracker.claim(migration.id, &worker()).ok())
        } else {
            ("claim next", tracker.claim_next(&worker()).unwrap())
        };
        self.history.note(name, Promise::Durable, invoked, tracker);
        let Some(claim) = claim else { return };
        let id = claim.migration().id;
        let from = claim.migration().progress.bytes_migrated;
        for part in 1..=self.random.below(4) {
            let cursor = Checkpoint::new(vec![part as u8; 40]).unwrap();
            self.step(tracker, "report", Promise::Lazy, |_| {
                drop(claim.report(from + part, None, Some(cursor)));
            });
        }
        // In their order, up to where the executor stops; or anything.
        let in_order = self.random.chance(2, 3);
        for at in 0..self.random.below(7) {
            let what = if in_order { at } else { self.random.below(8) };
            let (name, does): (&str, &dyn Fn()) = match what {
                0 => ("fence", &|| drop(claim.fence())),
                1 => ("begin verification", &|| drop(claim.begin_verification())),
                2 => ("evidence", &|| {
                    drop(claim.submit_evidence(blake3(), side(1), side(1)));
                }),
                3 => ("complete", &|| drop(claim.complete())),
                4 => ("unfence", &|| drop(claim.unfence())),
                5 => ("fail attempt", &|| {
                    drop(claim.fail_attempt(FailureClass::Retriable, "broken", false));
                }),
                6 => ("release", &|| drop(claim.release())),
                _ => ("cancel", &|| {
                    drop(tracker.cancel_migration(id, "not wanted"));
                }),
            };
            self.durable(tracker, name, |_| does());
        }
    }

    /// What a caller without an executor does.
    fn by_hand(&mut self, tracker: &MigrationTracker) {
        let Some(migration) = self.any(tracker) else {
            return;
        };
        let id = migration.id;
        let bytes = migration.progress.bytes_migrated;
        match self.random.below(7) {
            0 => self.durable(tracker, "start", |tracker| {
                drop(tracker.start_migration(id))
            }),
            1 | 2 => self.step(tracker, "progress", Promise::Lazy, |tracker| {
                drop(tracker.update_progress(id, bytes + 1, None));
            }),
            3 => self.durable(tracker, "verify", |tracker| {
                drop(tracker.begin_verification(id))
            }),
            4 => self.durable(tracker, "complete", |tracker| {
                drop(tracker.complete_migration(id))
            }),
            5 => self.durable(tracker, "fail", |tracker| {
                drop(tracker.fail_migration(id, "broken"))
            }),
            _ => self.durable(tracker, "cancel", |tracker| {
                drop(tracker.cancel_migration(id, "not wanted"));
            }),
        }
    }

    /// Large cursors of many migrations, which the file has to grow for.
    fn grow(&mut self, tracker: &MigrationTracker) {
        let shards = 1_000..1_000 + GROWING;
        let requests: Vec<_> = shards
            .map(|id| BeginRequest::new(ShardId(id), A, B))
            .collect();
        let mut ids = Vec::new();
        self.durable(tracker, "begin many", |tracker| {
            ids = tracker.begin_plan(&requests).unwrap();
        });
        for (part, id) in ids.iter().enumerate() {
            let cursor = Checkpoint::new(vec![part as u8; 16_000]).unwrap();
            self.durable(tracker, "first checkpoint", |tracker| {
                drop(tracker.save_checkpoint(*id, 1, None, cursor).unwrap());
            });
        }
        for id in ids {
            self.durable(tracker, "cancel", |tracker| {
                tracker.cancel_migration(id, "not wanted").unwrap();
            });
        }
    }

    fn settle(&mut self, tracker: &MigrationTracker) {
        if let Some(cleanup) = tracker.cleanups().unwrap().pop() {
            self.durable(tracker, "settle", |tracker| {
                drop(tracker.settle_cleanup(cleanup.node, cleanup.shard));
            });
        }
    }

    fn registry(&mut self, tracker: &MigrationTracker) {
        let id = 1 + self.random.below(NODES);
        let state = if self.random.chance(1, 3) {
            NodeState::Draining
        } else {
            NodeState::Active
        };
        let spare = 50 + self.random.below(3);
        match self.random.below(4) {
            0 | 1 => self.durable(tracker, "update node", |tracker| {
                drop(tracker.update_node(node_in(id, state)));
            }),
            2 => self.durable(tracker, "register a spare shard", |tracker| {
                drop(tracker.register_shard(shard(spare, NodeId(id))));
            }),
            _ => self.durable(tracker, "remove a spare shard", |tracker| {
                drop(tracker.remove_shard(ShardId(spare)));
            }),
        }
    }
}
