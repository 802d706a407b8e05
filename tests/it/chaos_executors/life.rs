//! One life of a cluster, from a seed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use shardferry::executor::{Executor, ExecutorOptions, RunReport, StopToken};
use shardferry::store::{Durability, OpenOptions};
use shardferry::testkit::{Fate, Random, SimDisk};
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, NodeId, Settings, ShardId, Verification};

use super::ghost::Ghost;
use super::mover::ChaosMover;
use super::operator::{operate, settle_down};
use super::{NODES, SHARDS};
use crate::support::{node, shard, worker};

/// Executors that take one step at a time, at most.
const GHOSTS: usize = 4;

type Met = BTreeMap<String, u64>;

pub(super) struct Life {
    random: Random,
    disk: SimDisk,
    options: OpenOptions,
    mover: ChaosMover,
    met: Met,
}

/// How a session ends.
#[derive(Clone, Copy)]
enum End {
    Closed,
    PowerLost,
    Over,
}

impl Life {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            disk: SimDisk::new(),
            options: OpenOptions {
                cache_bytes: 1024 * 1024,
                durability: if seed.is_multiple_of(2) {
                    Durability::Standard
                } else {
                    Durability::WriteAhead
                },
                wal_bytes: 64 * 1024,
                ..OpenOptions::default()
            },
            mover: ChaosMover::new(seed),
            met: Met::new(),
        }
    }

    /// Lives for so many rounds, and comes to its end; what it met.
    pub(super) fn live(mut self, rounds: u64) -> Met {
        let mut tracker = self.create();
        let mut left = rounds;
        loop {
            match self.session(&tracker, &mut left) {
                End::Over => break,
                End::Closed => {
                    drop(tracker);
                    self.disk = SimDisk::with_file(&self.disk.bytes().unwrap());
                    self.meet("opened again");
                }
                End::PowerLost => {
                    // What is left of the file is from before the drop, which would write.
                    let left = self.lose_power();
                    drop(tracker);
                    self.disk = left;
                    self.meet("power lost");
                }
            }
            tracker = self.disk.open(&self.options).unwrap();
            self.check(&tracker);
        }
        self.end(tracker)
    }

    fn create(&mut self) -> MigrationTracker {
        let settings = Settings {
            verification: Verification::Required,
            in_flight_max: Some(5),
            in_flight_per_pair_max: Some(2),
            ageing_ms: 0,
            attempts_max: 3,
            backoff_ms_min: 0,
            backoff_ms_max: 0,
            lease_ms: 600_000,
            cleanup_grace_ms: if self.random.chance(1, 3) {
                3_600_000
            } else {
                0
            },
            retention_count_max: self.random.chance(1, 3).then_some(3),
            progress_lag_ms_max: 3_600_000,
            ..Settings::default()
        };
        let tracker = self.disk.create(&self.options, &settings).unwrap();
        for id in 1..=NODES {
            tracker.register_node(node(id)).unwrap();
        }
        for id in 1..=SHARDS {
            let owner = NodeId(1 + id % NODES);
            tracker.register_shard(shard(id, owner)).unwrap();
            self.mover.put(ShardId(id), owner);
        }
        tracker
    }

    fn session(&mut self, tracker: &MigrationTracker, left: &mut u64) -> End {
        let mut ghosts: Vec<Ghost<'_>> = Vec::new();
        let mut late: Vec<Ghost<'_>> = Vec::new();
        while *left > 0 {
            *left -= 1;
            match self.random.below(32) {
                0..=3 => self.move_something(tracker),
                4..=8 if ghosts.len() < GHOSTS => {
                    if let Some(claim) = tracker.claim_next(&worker()).unwrap() {
                        ghosts.push(Ghost::new(tracker, claim));
                    }
                }
                9..=16 if !ghosts.is_empty() => self.step(&mut ghosts, "stepwise"),
                17 | 18 if !ghosts.is_empty() => {
                    let ghost = ghosts.swap_remove(self.any(ghosts.len()));
                    if self.random.chance(1, 2) {
                        ghost.hang();
                        self.meet("a lease ran out");
                    } else {
                        self.meet("an executor was killed");
                    }
                    late.push(ghost);
                }
                19 | 20 if !late.is_empty() => self.step(&mut late, "late"),
                21 => self.run(tracker),
                22 if self.random.chance(1, 4) => self.storm(tracker),
                23..=26 => self.operate(tracker),
                27..=29 => self.write(),
                30 if self.random.chance(1, 2) => {
                    return if self.random.chance(1, 2) {
                        End::Closed
                    } else {
                        End::PowerLost
                    };
                }
                _ => self.move_something(tracker),
            }
            self.check(tracker);
        }
        End::Over
    }

    fn meet(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }

    fn any(&mut self, of: usize) -> usize {
        usize::try_from(self.random.below(of as u64)).unwrap()
    }

    fn move_something(&mut self, tracker: &MigrationTracker) {
        let shard = ShardId(1 + self.random.below(SHARDS));
        let to = NodeId(1 + self.random.below(NODES));
        let from = tracker.shard(shard).unwrap().unwrap().owner;
        if tracker.begin_migration(shard, from, to).is_ok() {
            self.meet("begin: accepted");
        }
    }

    /// One of them takes a few steps.
    fn step(&mut self, ghosts: &mut Vec<Ghost<'_>>, who: &str) {
        if ghosts.is_empty() {
            return;
        }
        let mut ghost = ghosts.swap_remove(self.any(ghosts.len()));
        for _ in 0..=self.random.below(5) {
            if let Some(how) = ghost.step(&self.mover) {
                self.meet(&format!("{who}: {how}"));
                return;
            }
        }
        ghosts.push(ghost);
    }

    fn operate(&mut self, tracker: &MigrationTracker) {
        let (what, accepted) = operate(tracker, &mut self.random);
        let how = if accepted { "accepted" } else { "refused" };
        self.meet(&format!("{what}: {how}"));
    }

    fn write(&mut self) {
        let shard = ShardId(1 + self.random.below(SHARDS));
        let (at, byte) = (self.any(32), self.random.next().to_le_bytes()[0]);
        let what = if self.mover.write(shard, at, byte) {
            "a client wrote"
        } else {
            "a client was refused"
        };
        self.meet(what);
    }

    /// The library's executor, until nothing is left for it or it is asked to stop.
    fn run(&mut self, tracker: &MigrationTracker) {
        let mut options = options("one");
        options.workers = NonZeroUsize::MIN;
        let calls = if self.random.chance(1, 2) {
            i64::try_from(self.random.below(30)).unwrap()
        } else {
            i64::MAX
        };
        self.mover.stop_after(calls, &options.stop);
        let report = Executor::run(tracker, &self.mover, &options).unwrap();
        self.mover.stop_after(i64::MAX, &StopToken::new());
        self.tell(&report);
    }

    /// Two executors of two workers each, clients and operators, all at once.
    fn storm(&mut self, tracker: &MigrationTracker) {
        self.meet("storm");
        let (one, two) = (options("one"), options("two"));
        let mut random = Random::new(self.random.next());
        let mover = &self.mover;
        let reports = std::thread::scope(|scope| {
            let run = |options| scope.spawn(move || Executor::run(tracker, mover, options));
            let runs = [run(&one), run(&two)];
            for _ in 0..12 {
                operate(tracker, &mut random);
                for _ in 0..3 {
                    let shard = ShardId(1 + random.below(SHARDS));
                    mover.write(
                        shard,
                        random.below(32) as usize,
                        random.next().to_le_bytes()[0],
                    );
                }
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
            one.stop.stop();
            two.stop.stop();
            runs.map(|run| run.join().unwrap().unwrap())
        });
        reports.iter().for_each(|report| self.tell(report));
    }

    fn tell(&mut self, report: &RunReport) {
        let counts = [
            ("executor: completed", report.completed),
            ("executor: failed", report.failed),
            ("executor: cancelled", report.cancelled),
            ("executor: tried again", report.retried),
            ("executor: settled", report.settled),
            ("executor: stopped", u64::from(report.stopped)),
        ];
        for (what, times) in counts.into_iter().filter(|(_, times)| *times > 0) {
            *self.met.entry(what.to_owned()).or_default() += times;
        }
    }

    /// The power fails now: each change that was not synced is there or not.
    fn lose_power(&mut self) -> SimDisk {
        let now = self.disk.crash_points().last().unwrap();
        let fates = (0..now.pending()).map(|_| match self.random.chance(1, 2) {
            true => Fate::Kept,
            false => Fate::Lost,
        });
        let fates = fates.collect();
        let image = now.image(fates, false);
        image.disk().copy()
    }

    /// What holds after each round.
    fn check(&mut self, tracker: &MigrationTracker) {
        let report = tracker.check().unwrap();
        assert!(report.is_clean(), "{:#?}", report.violations);
        let image = tracker.image().unwrap();
        if !image.quarantine.is_empty() {
            self.meet("quarantined");
        }
        let nodes = self.mover.nodes();
        assert!(nodes.wrong.is_empty(), "{:#?}", nodes.wrong);
        for row in image.shards.values() {
            let copies = nodes.copies.iter().filter(|((_, of), _)| *of == row.id);
            let serving = copies.filter(|(_, copy)| copy.serves);
            let serving: Vec<NodeId> = serving.map(|((node, _), _)| *node).collect();
            assert!(
                serving.len() <= 1,
                "shard {} is served by {serving:?}",
                row.id
            );
            let owned = nodes.copies.get(&(row.owner, row.id));
            let bytes = owned.map(|copy| &copy.bytes);
            let acknowledged = Some(&nodes.acknowledged[&row.id]);
            assert_eq!(
                bytes, acknowledged,
                "shard {} of node {}",
                row.id, row.owner
            );
        }
        for (node, shard) in nodes.copies.keys() {
            assert!(
                is_accounted_for(&image, *node, *shard),
                "node {node} has a copy of shard {shard} of which nobody knows"
            );
        }
    }

    /// Nobody hinders executors any more: everything comes to an end.
    fn end(mut self, tracker: MigrationTracker) -> Met {
        // What is still held is held by processes that are gone.
        drop(tracker);
        let tracker = self.disk.open(&self.options).unwrap();
        self.mover.healthy.store(true, Ordering::Relaxed);
        settle_down(&tracker);
        // A move that ended waits for the copy that it left behind: once more, then.
        for _ in 0..3 {
            let report = Executor::run(&tracker, &self.mover, &options("last")).unwrap();
            self.tell(&report);
            tracker.hurry_cleanups(None, "it is over").unwrap();
        }
        self.check(&tracker);
        let image = tracker.image().unwrap();
        for row in image.migrations.values() {
            let status = row.status();
            assert!(status.is_terminal(), "left: {row:#?}");
            self.meet(&format!("at the end: {status}"));
        }
        for (shard, aside) in &image.quarantine {
            assert!(
                !aside.failures.is_empty(),
                "shard {shard} is set aside without a reason"
            );
        }
        assert!(image.cleanups.is_empty(), "left: {:#?}", image.cleanups);
        let nodes = self.mover.nodes();
        assert!(
            nodes.fenced.is_empty(),
            "writes are still stopped: {:?}",
            nodes.fenced
        );
        let owned = image.shards.values().map(|row| (row.owner, row.id));
        let mut owned: Vec<_> = owned.collect();
        owned.sort_unstable();
        assert!(
            nodes.copies.keys().eq(&owned),
            "{:?}, not {owned:?}",
            nodes.copies.keys()
        );
        assert!(nodes.copies.values().all(|copy| copy.serves));
        let of_mover = nodes.met.clone();
        drop(nodes);
        self.met.extend(of_mover);
        self.met
    }
}

/// The owner's, that of a migration under way, or one that the ledger names.
fn is_accounted_for(image: &Image, node: NodeId, shard: ShardId) -> bool {
    let arrives = || {
        let active = image.active_shards.get(&shard);
        active.is_some_and(|active| image.migrations[&active.migration].to == node)
    };
    image.shards[&shard].owner == node || arrives() || image.cleanups.contains_key(&(node, shard))
}

fn options(name: &str) -> ExecutorOptions {
    ExecutorOptions::new(name).unwrap()
}
