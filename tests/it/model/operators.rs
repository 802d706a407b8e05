//! What operators say, on the file and on the model.

use shardferry::schema::v1::{CleanupKind, PauseScope};
use shardferry::tracker::Retried;
use shardferry::{MigrationTracker, NodeId, NodeState, ShardId, Status};

use super::answer::Answer;
use super::op::{Operator, Scope};
use super::reference::{Model, Moved};

/// Runs `what` on the file and on the model.
pub(super) fn operate(tracker: &MigrationTracker, model: &mut Model, what: Operator) -> Answer {
    match what {
        Operator::Pause(scope) => match named(model, scope) {
            Some(scope) => pause(tracker, model, scope),
            None => Answer::nothing(),
        },
        Operator::Resume(scope) => match named(model, scope) {
            Some(scope) => resume(tracker, model, scope),
            None => Answer::nothing(),
        },
        Operator::ResumeOne(which) => match model.pauses.iter().cycle().nth(which).copied() {
            Some(scope) => resume(tracker, model, scope),
            None => Answer::nothing(),
        },
        Operator::ReleaseQuarantine(shard) => release(tracker, model, shard),
        Operator::ReleaseOne => match model.quarantine.first_key_value() {
            Some((&shard, _)) => release(tracker, model, shard),
            None => Answer::nothing(),
        },
        Operator::Retry(at) => on(model, at, |model, at| retry(tracker, model, at)),
        Operator::RetryOne => {
            let settled = |at: &&usize| {
                let row = &model.migrations[**at];
                !model.cleanups.contains_key(&(row.to, row.shard))
            };
            let aside = model.quarantine.values().find(settled).copied();
            let open = |row: &Moved| model.cleanups.contains_key(&(row.to, row.shard));
            let again = |row: &Moved| row.waits || (row.status == Status::Failed && !open(row));
            match aside.or_else(|| model.migrations.iter().rposition(again)) {
                Some(at) => retry(tracker, model, at),
                None => Answer::nothing(),
            }
        }
        Operator::Reverse(at) => on(model, at, |model, at| reverse(tracker, model, at)),
        Operator::ReverseOne { newest } => {
            let open = |row: &Moved| model.cleanups.contains_key(&(row.from, row.shard));
            let back = |row: &Moved| row.status == Status::Complete && !open(row);
            let mut rows = model.migrations.iter();
            let found = if newest {
                rows.rposition(back)
            } else {
                rows.position(back)
            };
            match found {
                Some(at) => reverse(tracker, model, at),
                None => Answer::nothing(),
            }
        }
        Operator::Hurry(node) => hurry(tracker, model, node),
        Operator::ForgiveNode(node) => forgive(tracker, model, node),
        Operator::ForgiveOne => {
            let mut of = model.cleanups.keys();
            match of.find(|(node, _)| model.nodes.get(node) == Some(&NodeState::Down)) {
                Some(&(node, _)) => forgive(tracker, model, node),
                None => Answer::nothing(),
            }
        }
        Operator::CompleteUnverified(at) => on(model, at, |model, at| {
            let id = model.migrations[at].id;
            let fits = model.caller(at) && model.complete(at, true);
            Answer::of(
                tracker.complete_unverified(id, "it is known to be good"),
                fits,
            )
        }),
        Operator::Drain(node) => {
            let fits = set_state(model, node, NodeState::Draining, |state| {
                state != NodeState::Down
            });
            Answer::of(tracker.drain(NodeId(node), "it leaves"), fits)
        }
        Operator::Undrain(node) => undrain(tracker, model, node),
    }
}

fn on(model: &mut Model, at: usize, does: impl FnOnce(&mut Model, usize) -> Answer) -> Answer {
    match model.migrations.len() {
        0 => Answer::nothing(),
        all => does(model, at % all),
    }
}

fn named(model: &Model, scope: Scope) -> Option<PauseScope> {
    Some(match scope {
        Scope::Everything => PauseScope::Everything,
        Scope::Node(node) => PauseScope::Node(NodeId(node)),
        Scope::Migration(at) => {
            let at = at.checked_rem(model.migrations.len())?;
            PauseScope::Migration(model.migrations[at].id)
        }
    })
}

fn pause(tracker: &MigrationTracker, model: &mut Model, scope: PauseScope) -> Answer {
    let ended = |id| {
        let mut rows = model.migrations.iter();
        rows.any(|row| row.id == id && row.status.is_terminal())
    };
    let fits = match scope {
        PauseScope::Migration(id) => !ended(id),
        PauseScope::Everything | PauseScope::Node(_) => true,
    };
    if fits {
        model.pauses.insert(scope);
    }
    Answer::of(tracker.pause(scope, "it is being looked at"), fits)
}

fn resume(tracker: &MigrationTracker, model: &mut Model, scope: PauseScope) -> Answer {
    let fits = model.pauses.remove(&scope);
    Answer::of(tracker.resume(scope, "it was looked at"), fits)
}

fn release(tracker: &MigrationTracker, model: &mut Model, shard: u64) -> Answer {
    let fits = model.quarantine.remove(&shard).is_some();
    Answer::of(tracker.release_quarantine(ShardId(shard), "mended"), fits)
}

fn retry(tracker: &MigrationTracker, model: &mut Model, at: usize) -> Answer {
    let row = model.migrations[at].clone();
    let real = tracker.retry_migration(row.id, "mended");
    if !row.status.is_terminal() {
        let waited = std::mem::take(&mut model.migrations[at].waits);
        let fits = matches!(real, Ok(Retried::AtOnce));
        let answer = Answer::of(real, fits);
        return answer.told(if waited { "need not wait" } else { "at once" });
    }
    let aside = model.quarantine.get(&row.shard) == Some(&at);
    let mut next = model.clone();
    if aside {
        next.quarantine.remove(&row.shard);
    }
    let last = next.last_moves.get(&row.shard);
    let moved_on = last.is_some_and(|last| next.migrations[*last].to != row.from);
    let fits =
        row.status != Status::Complete && !moved_on && next.begins(row.shard, row.from, row.to);
    let Ok(Retried::Begun(id)) = real else {
        return Answer::of(real, fits);
    };
    next.migrations.push(Moved {
        priority: row.priority,
        drains: row.drains,
        reverse_of: row.reverse_of,
        ..Moved::new(id, row.shard, row.from, row.to)
    });
    *model = next;
    let answer = Answer::of(real, fits);
    answer.told(if aside {
        "out of quarantine"
    } else {
        "begun anew"
    })
}

fn reverse(tracker: &MigrationTracker, model: &mut Model, at: usize) -> Answer {
    let row = model.migrations[at].clone();
    let real = tracker.reverse_migration(row.id, "it was better there");
    let last = model.last_moves.get(&row.shard);
    let fits = row.status == Status::Complete
        && last.is_none_or(|last| *last == at)
        && model.begins(row.shard, row.to, row.from);
    if let Ok(id) = real {
        model.migrations.push(Moved {
            priority: row.priority,
            reverse_of: Some(row.id),
            ..Moved::new(id, row.shard, row.to, row.from)
        });
    }
    Answer::of(real, fits)
}

fn hurry(tracker: &MigrationTracker, model: &mut Model, node: Option<u64>) -> Answer {
    let mut waited = Vec::new();
    for ((on, shard), left) in &mut model.cleanups {
        if left.waits && node.is_none_or(|node| node == *on) {
            left.waits = false;
            waited.push((*on, *shard));
        }
    }
    let real = tracker
        .hurry_cleanups(node.map(NodeId), "the disk is full")
        .unwrap();
    let real: Vec<_> = real
        .iter()
        .map(|copy| (copy.node.0, copy.shard.0))
        .collect();
    let answer = Answer::of(Ok::<(), ()>(()), real == waited);
    answer.told(if waited.is_empty() {
        "none waits"
    } else {
        "hurried"
    })
}

fn forgive(tracker: &MigrationTracker, model: &mut Model, node: u64) -> Answer {
    let real = tracker.forgive_node(NodeId(node), "it burnt down");
    let there = model
        .nodes
        .get(&node)
        .is_some_and(|state| *state != NodeState::Down);
    let here = model.cleanups.iter().filter(|((on, _), _)| *on == node);
    let here: Vec<_> = here
        .map(|((_, shard), left)| (*shard, left.released))
        .collect();
    // A destination that does not serve yet is made to serve by an executor, and there is none here.
    let fits = !there && here.iter().all(|(_, released)| !released);
    if fits {
        model.cleanups.retain(|(on, _), _| *on != node);
    }
    let Ok(forgiven) = real else {
        return Answer::of(real, fits);
    };
    let discards = |kind| kind == CleanupKind::DiscardDestination;
    let same = forgiven
        .iter()
        .map(|copy| copy.shard.0)
        .eq(here.iter().map(|(shard, _)| *shard))
        && forgiven.iter().all(|copy| discards(copy.kind));
    let answer = Answer::of(Ok::<(), ()>(()), fits && same);
    answer.told(if here.is_empty() {
        "nothing there"
    } else {
        "forgiven"
    })
}

/// Whether there is such a node, in a state that allows it.
fn set_state(
    model: &mut Model,
    node: u64,
    state: NodeState,
    allowed: impl Fn(NodeState) -> bool,
) -> bool {
    let there = model.nodes.get_mut(&node);
    let there = there.filter(|there| allowed(**there));
    there.map(|there| *there = state).is_some()
}

fn undrain(tracker: &MigrationTracker, model: &mut Model, node: u64) -> Answer {
    let real = tracker.undrain(NodeId(node), "it stays");
    let is_draining = |state| state == NodeState::Draining;
    if !set_state(model, node, NodeState::Active, is_draining) {
        return Answer::of(real, false);
    }
    let mut cancelled = Vec::new();
    for at in 0..model.migrations.len() {
        let row = &model.migrations[at];
        if row.drains && row.from == node && row.status == Status::Pending {
            cancelled.push(row.id);
            model.end(at, Status::Cancelled);
        }
    }
    let some = !cancelled.is_empty();
    let Ok(mut real) = real else {
        return Answer::of(real, true);
    };
    real.sort_unstable();
    cancelled.sort_unstable();
    let answer = Answer::of(Ok::<(), ()>(()), real == cancelled);
    answer.told(if some { "called off" } else { "accepted" })
}
