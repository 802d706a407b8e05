//! Operators who do this and that.

use shardferry::schema::v1::PauseScope;
use shardferry::testkit::Random;
use shardferry::{MigrationTracker, NodeId, NodeState, ShardId};

use super::{NODES, SHARDS};
use crate::support::node_in;

/// Does something. What it was, and whether it was accepted.
pub(super) fn operate(tracker: &MigrationTracker, random: &mut Random) -> (&'static str, bool) {
    let node = NodeId(1 + random.below(NODES));
    let shard = ShardId(1 + random.below(SHARDS));
    let under_way = tracker.unfinished().unwrap();
    let some = random.below(under_way.len().max(1) as u64) as usize;
    let some = under_way.get(some).map(|row| row.id);
    let newest = tracker.recent_migrations(4).unwrap();
    let recent = newest.get(random.below(4) as usize).map(|row| row.id);
    match random.below(20) {
        0..=2 => {
            let owner = tracker.shard(shard).unwrap().unwrap().owner;
            let begun = tracker.begin_migration(shard, owner, node);
            ("begin", begun.is_ok())
        }
        3..=5 => {
            let cancelled = some.map(|id| tracker.cancel_migration(id, "not wanted"));
            ("cancel", cancelled.is_some_and(|it| it.is_ok()))
        }
        6 | 7 => {
            let scope = match (random.below(4), some) {
                (0, _) => PauseScope::Everything,
                (1, _) | (_, None) => PauseScope::Node(node),
                (_, Some(id)) => PauseScope::Migration(id),
            };
            ("pause", tracker.pause(scope, "to look at it").is_ok())
        }
        8..=10 => {
            let pauses = tracker.pauses().unwrap();
            let at = random.below(pauses.len().max(1) as u64) as usize;
            let resumed = pauses
                .get(at)
                .map(|(scope, _)| tracker.resume(*scope, "seen"));
            ("resume", resumed.is_some_and(|it| it.is_ok()))
        }
        11 => ("drain", tracker.drain(node, "it leaves").is_ok()),
        12 => ("undrain", tracker.undrain(node, "it stays").is_ok()),
        13 | 14 => {
            let drained = tracker.continue_draining().unwrap();
            let begun = drained.values().any(|of| !of.begun.is_empty());
            ("continue draining", begun)
        }
        15 | 16 => {
            let retried = recent.map(|id| tracker.retry_migration(id, "mended"));
            ("retry", retried.is_some_and(|it| it.is_ok()))
        }
        17 => {
            let back = recent.map(|id| tracker.reverse_migration(id, "it was better there"));
            ("reverse", back.is_some_and(|it| it.is_ok()))
        }
        18 => {
            let aside = tracker.quarantined().unwrap();
            let released = aside.first();
            let released = released.map(|(shard, _)| tracker.release_quarantine(*shard, "mended"));
            ("release", released.is_some_and(|it| it.is_ok()))
        }
        _ => {
            let hurried = tracker.hurry_cleanups(None, "the disk is full").unwrap();
            ("hurry", !hurried.is_empty())
        }
    }
}

/// Puts everything out of the way that an operator put there.
pub(super) fn settle_down(tracker: &MigrationTracker) {
    for (scope, _) in tracker.pauses().unwrap() {
        tracker.resume(scope, "seen").unwrap();
    }
    for id in 1..=NODES {
        tracker.update_node(node_in(id, NodeState::Active)).unwrap();
    }
    tracker.hurry_cleanups(None, "it is over").unwrap();
}
