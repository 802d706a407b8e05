use super::act::is_newest;
use super::action::{Action, Order};
use super::size::Size;
use super::state::World;
use crate::schema::v1::{EventKind, Migration, Status, Verification};
use crate::tracker::check::{
    Acknowledged, Image, invariant_i12_acknowledged_survives, invariants_of_step,
};

/// What does not hold around a step that was accepted.
pub(super) fn faults_of_step(
    size: &Size,
    (world, before): (&World, &Image),
    action: Action,
    after: &Image,
) -> Vec<String> {
    let mut faults = Vec::new();
    if action == Action::Crash {
        // Taken back are progress and signs of life only. So this is no step, but a restart.
        faults.extend(lost(before, after));
    } else {
        let steps = invariants_of_step(before, after);
        faults.extend(steps.iter().map(ToString::to_string));
    }
    if let Action::ByHand { hand, order } = action
        && !is_newest(world, world.hands[hand].unwrap())
    {
        faults.push(format!("I4: {order:?} of a stale attempt was accepted"));
    }
    faults.extend(claimed_in_spite_of_a_pause((world, before), after));
    for was in before.migrations.values() {
        let Some(is) = after.migrations.get(&was.id) else {
            continue;
        };
        let log = (before, after);
        faults.extend(faults_of_end(size, action, (was, is), log));
        let begins_to_verify =
            was.status() == Status::InProgress && is.status() == Status::Verifying;
        let proof = is.evidence.as_ref();
        if begins_to_verify && proof.is_some_and(|proof| proof.epoch == is.epoch) {
            faults.push("what was proved before counts for this verification".to_owned());
        }
    }
    faults
}

/// Nobody claims during a pause, but where writes may be stopped: somebody has to let them go on.
fn claimed_in_spite_of_a_pause((world, before): (&World, &Image), after: &Image) -> Vec<String> {
    let rows = before.migrations.values();
    let waits = rows.filter(|was| was.fenced_at_ms.is_none() && world.holds_back(was));
    let claimed = waits.filter(|was| {
        let is = after.migrations.get(&was.id);
        is.is_some_and(|is| is.epoch > was.epoch)
    });
    let fault = |was: &Migration| format!("{} is paused and was claimed", was.id);
    claimed.map(fault).collect()
}

/// What a crash took that it must not take.
fn lost(before: &Image, after: &Image) -> Vec<String> {
    let answers: Vec<_> = before
        .migrations
        .values()
        .map(|row| Acknowledged {
            id: row.id,
            status: row.status(),
        })
        .collect();
    let lost = invariant_i12_acknowledged_survives(&answers, after);
    let mut faults: Vec<_> = lost.iter().map(ToString::to_string).collect();
    let mut lazy = before.clone();
    for (id, row) in &mut lazy.migrations {
        if let Some(is) = after.migrations.get(id) {
            row.progress = is.progress.clone();
            if let (Some(was), Some(is)) = (&mut row.attempt, &is.attempt) {
                was.lease_until_ms = is.lease_until_ms;
                was.moved_at_ms = is.moved_at_ms;
            }
        }
    }
    if lazy != *after {
        faults.push("I12: a crash took more than progress and signs of life".to_owned());
    }
    faults
}

fn faults_of_end(
    size: &Size,
    action: Action,
    (was, is): (&Migration, &Migration),
    (before, after): (&Image, &Image),
) -> Vec<String> {
    let mut faults = Vec::new();
    let ended = !was.status().is_terminal() && is.status().is_terminal();
    if !ended {
        return faults;
    }
    let complete = is.status() == Status::Complete;
    if was.fenced_at_ms.is_some() && !complete {
        faults.push("it ended while writes to the source may be stopped".to_owned());
    }
    if was.cancel.is_some() && is.status() != Status::Cancelled {
        // Its executor may say that it is broken before it lets go.
        let broken = matches!(
            action,
            Action::ByHand {
                order: Order::Fail,
                ..
            }
        );
        if complete || !broken {
            faults.push("it was to be cancelled and ended otherwise".to_owned());
        }
    }
    let proven = was.status() == Status::Verifying
        && was
            .evidence
            .as_ref()
            .is_some_and(|evidence| evidence.matches() && evidence.epoch == was.epoch);
    let demanded = complete && size.verification == Verification::Required;
    let waives = Order::CompleteUnverified;
    let is_waived = matches!(action, Action::ByCaller { order, .. } if order == waives);
    if demanded && !proven && !is_waived {
        faults.push("it was cut over without the proof that is demanded".to_owned());
    }
    let new = after
        .events
        .iter()
        .filter(|(at, _)| !before.events.contains_key(at));
    let said = new.filter(|(_, event)| event.kind == EventKind::VerificationWaived);
    if said.count() != usize::from(demanded && !proven) {
        faults.push("the log does not say whether the proof was waived".to_owned());
    }
    faults
}
