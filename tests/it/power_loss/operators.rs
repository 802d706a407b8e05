//! What operators do, at random and each thing once.

use shardferry::schema::v1::{FailureClass, PauseScope};
use shardferry::store::Durability;
use shardferry::testkit::SimDisk;
use shardferry::tracker::{BeginRequest, Claim};
use shardferry::{MigrationId, MigrationTracker, NodeId, NodeState, Settings, ShardId};

use super::history::History;
use super::workload::{Life, NODES};
use crate::support::{node_in, worker};

/// Shards 1 to 5 are on nodes 2, 3, 4, 1 and 2.
const OWNERS: [u64; 5] = [2, 3, 4, 1, 2];

/// A life in which every operator's wish changes something.
pub(crate) fn tour(disk: SimDisk, durability: Durability) -> History {
    let mut life = Life::new(disk, durability, 0, 1);
    let tracker = life.create_with(&Settings {
        attempts_max: 2,
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        cleanup_grace_ms: 3_600_000,
        progress_lag_ms_max: 1_000_000_000,
        ..Settings::default()
    });
    life.through_quarantine(&tracker);
    life.there_and_back(&tracker);
    life.held_back(&tracker);
    life.emptied(&tracker);
    let tracker = life.reopen(tracker);
    life.burnt(&tracker);
    life.reopen(tracker);
    life.history
}

impl Life {
    /// What operators do.
    pub(super) fn operate(&mut self, tracker: &MigrationTracker) {
        let node = NodeId(1 + self.random.below(NODES));
        let some = self.any(tracker).map(|row| row.id);
        let recent = tracker.recent_migrations(4).unwrap();
        let recent = recent.get(self.random.below(4) as usize).map(|row| row.id);
        let pauses = tracker.pauses().unwrap();
        match self.random.below(14) {
            0 | 1 => {
                let scope = match (self.random.below(4), some) {
                    (0, _) => PauseScope::Everything,
                    (1, _) | (_, None) => PauseScope::Node(node),
                    (_, Some(id)) => PauseScope::Migration(id),
                };
                self.durable(tracker, "pause", |tracker| {
                    drop(tracker.pause(scope, "to look at it"));
                });
            }
            2..=4 => self.durable(tracker, "resume", |tracker| {
                if let Some((scope, _)) = pauses.first() {
                    tracker.resume(*scope, "seen").unwrap();
                }
            }),
            5 | 6 => self.durable(tracker, "retry", |tracker| {
                drop(recent.map(|id| tracker.retry_migration(id, "mended")));
            }),
            7 => self.durable(tracker, "reverse", |tracker| {
                drop(recent.map(|id| tracker.reverse_migration(id, "it was better there")));
            }),
            8 => self.durable(tracker, "release from quarantine", |tracker| {
                for (shard, _) in tracker.quarantined().unwrap() {
                    tracker.release_quarantine(shard, "mended").unwrap();
                }
            }),
            9 => self.durable(tracker, "hurry", |tracker| {
                tracker.hurry_cleanups(None, "the disk is full").unwrap();
            }),
            10 => self.durable(tracker, "forgive a node", |tracker| {
                drop(tracker.forgive_node(node, "it burnt down"));
            }),
            11 => self.durable(tracker, "drain", |tracker| {
                drop(tracker.drain(node, "it leaves"));
            }),
            12 => self.durable(tracker, "undrain", |tracker| {
                drop(tracker.undrain(node, "it stays"));
            }),
            _ => self.durable(tracker, "complete unverified", |tracker| {
                drop(some.map(|id| tracker.complete_unverified(id, "it is known to be good")));
            }),
        }
    }

    fn begins(&mut self, tracker: &MigrationTracker, shard: u64, to: u64) -> MigrationId {
        let from = NodeId(OWNERS[shard as usize - 1]);
        let request = BeginRequest {
            expected_version: Some(0),
            ..BeginRequest::new(ShardId(shard), from, NodeId(to))
        };
        let mut id = None;
        self.durable(tracker, "begin of a version", |tracker| {
            id = Some(tracker.begin(&request).unwrap());
        });
        id.unwrap()
    }

    fn claims_next<'t>(&mut self, tracker: &'t MigrationTracker) -> Claim<'t> {
        let mut claim = None;
        self.durable(tracker, "claim next", |_| {
            claim = tracker.claim_next(&worker()).unwrap();
        });
        claim.unwrap()
    }

    fn fails_twice(&mut self, tracker: &MigrationTracker) {
        for _ in 0..2 {
            let claim = self.claims_next(tracker);
            self.durable(tracker, "fail attempt", |_| {
                let class = FailureClass::Retriable;
                claim.fail_attempt(class, "broken", false).unwrap();
            });
        }
    }

    fn settles(&mut self, tracker: &MigrationTracker, node: u64, shard: u64) {
        self.durable(tracker, "settle", |tracker| {
            tracker
                .settle_cleanup(NodeId(node), ShardId(shard))
                .unwrap();
        });
    }

    fn through_quarantine(&mut self, tracker: &MigrationTracker) {
        let id = self.begins(tracker, 1, 3);
        self.fails_twice(tracker);
        self.settles(tracker, 3, 1);
        self.durable(tracker, "retry", |tracker| {
            tracker.retry_migration(id, "mended").unwrap();
        });
        self.fails_twice(tracker);
        self.settles(tracker, 3, 1);
        self.durable(tracker, "release from quarantine", |tracker| {
            tracker.release_quarantine(ShardId(1), "mended").unwrap();
        });
    }

    fn there_and_back(&mut self, tracker: &MigrationTracker) {
        let id = self.begins(tracker, 1, 3);
        let stale = self.claims_next(tracker);
        self.durable(tracker, "release", |_| drop(stale.release().unwrap()));
        let claim = self.claims_next(tracker);
        self.durable(tracker, "late report", |_| {
            assert!(stale.report(1, None, None).is_err());
        });
        self.durable(tracker, "release again", |_| drop(claim.release().unwrap()));
        self.durable(tracker, "complete unverified", |tracker| {
            tracker
                .complete_unverified(id, "it is known to be good")
                .unwrap();
        });
        self.durable(tracker, "hurry", |tracker| {
            tracker.hurry_cleanups(None, "the disk is full").unwrap();
        });
        self.settles(tracker, 2, 1);
        self.durable(tracker, "reverse", |tracker| {
            tracker
                .reverse_migration(id, "it was better there")
                .unwrap();
        });
    }

    fn held_back(&mut self, tracker: &MigrationTracker) {
        let id = self.begins(tracker, 2, 1);
        for scope in [
            PauseScope::Everything,
            PauseScope::Node(NodeId(1)),
            PauseScope::Migration(id),
        ] {
            self.durable(tracker, "pause", |tracker| {
                tracker.pause(scope, "to look at it").unwrap();
            });
        }
        self.durable(tracker, "resume", |tracker| {
            tracker.resume(PauseScope::Everything, "seen").unwrap();
        });
        // The pause of a migration ends with it.
        self.durable(tracker, "cancel", |tracker| {
            tracker.cancel_migration(id, "not wanted").unwrap();
        });
    }

    fn emptied(&mut self, tracker: &MigrationTracker) {
        let node = NodeId(4);
        self.durable(tracker, "drain", |tracker| {
            tracker.drain(node, "it leaves").unwrap()
        });
        self.durable(tracker, "continue draining", |tracker| {
            let draining = tracker.continue_draining().unwrap();
            assert_eq!(draining[&node].begun.len(), 1);
        });
        self.durable(tracker, "undrain", |tracker| {
            assert_eq!(tracker.undrain(node, "it stays").unwrap().len(), 1);
        });
    }

    fn burnt(&mut self, tracker: &MigrationTracker) {
        let id = self.begins(tracker, 5, 3);
        self.durable(tracker, "start", |tracker| {
            drop(tracker.start_migration(id).unwrap())
        });
        self.durable(tracker, "fail", |tracker| {
            tracker.fail_migration(id, "broken").unwrap();
        });
        self.durable(tracker, "update node", |tracker| {
            tracker.update_node(node_in(3, NodeState::Down)).unwrap();
        });
        self.durable(tracker, "forgive a node", |tracker| {
            assert_eq!(
                tracker
                    .forgive_node(NodeId(3), "it burnt down")
                    .unwrap()
                    .len(),
                1
            );
        });
    }
}
