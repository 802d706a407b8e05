use shardferry::schema::v1::PauseScope;
use shardferry::tracker::Retried;
use shardferry::{MigrationTracker, NodeId, Settings, ShardId};

use super::op::{Operator, Scope, Waits};
use super::session::{Outcome, World, outcome};

/// Does what an operator says.
pub(super) fn operate(tracker: &MigrationTracker, world: &mut World, what: Operator) -> Outcome {
    let node = |id: u8| NodeId(u64::from(id));
    match what {
        Operator::Pause(scope) => match named(world, scope) {
            Some(scope) => outcome(tracker.pause(scope, "to look at it")),
            None => Outcome::Refused,
        },
        Operator::Resume(scope) => match named(world, scope) {
            Some(scope) => outcome(tracker.resume(scope, "seen")),
            None => Outcome::Refused,
        },
        Operator::ReleaseQuarantine(shard) => {
            outcome(tracker.release_quarantine(ShardId(u64::from(shard)), "mended"))
        }
        Operator::Retry(back) => match world.id(back) {
            Some(id) => {
                let retried = tracker.retry_migration(id, "mended");
                if let Ok(Retried::Begun(id)) = retried {
                    world.ids.push(id);
                }
                outcome(retried)
            }
            None => Outcome::Refused,
        },
        Operator::Reverse(back) => match world.id(back) {
            Some(id) => {
                let begun = tracker.reverse_migration(id, "it was better there");
                world.ids.extend(begun.as_ref().ok());
                outcome(begun)
            }
            None => Outcome::Refused,
        },
        Operator::CompleteUnverified(back) => match world.id(back) {
            Some(id) => outcome(tracker.complete_unverified(id, "it is known to be good")),
            None => Outcome::Refused,
        },
        Operator::Hurry(of) => outcome(tracker.hurry_cleanups(of.map(node), "the disk is full")),
        Operator::ForgiveNode(id) => outcome(tracker.forgive_node(node(id), "it burnt down")),
        Operator::Drain(id) => outcome(tracker.drain(node(id), "it leaves")),
        Operator::Undrain(id) => outcome(tracker.undrain(node(id), "it stays")),
        Operator::ContinueDraining => {
            let draining = tracker.continue_draining().expect("a plan, or none");
            for of in draining.values() {
                world.ids.extend(&of.begun);
            }
            Outcome::Done
        }
    }
}

fn named(world: &World, scope: Scope) -> Option<PauseScope> {
    Some(match scope {
        Scope::Everything => PauseScope::Everything,
        Scope::Node(id) => PauseScope::Node(NodeId(u64::from(id))),
        Scope::Migration(back) => PauseScope::Migration(world.id(back)?),
    })
}

/// Puts changed waits into force. A wait is either none or longer than an input runs.
pub(super) fn waits(tracker: &MigrationTracker, change: Waits) -> Outcome {
    let before = tracker.settings().expect("a point read");
    let wait_ms = if change.long { 86_400_000 } else { 0 };
    outcome(tracker.set_settings(&Settings {
        in_flight_per_pair_max: change.per_pair.map(u32::from),
        ageing_ms: if change.ages { 86_400_000 } else { 0 },
        backoff_ms_min: wait_ms,
        backoff_ms_max: wait_ms,
        cleanup_grace_ms: wait_ms,
        ..before
    }))
}
