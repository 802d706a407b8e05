//! Who works on a migration: start, claim, renew, release.

use super::step::{Step, held, live_attempt};
use super::{By, CommandName, StepError, Transition, end, stall};
use crate::schema::text::{ExecutorName, Reason};
use crate::schema::v1::{Attempt, EventKind, Migration, Progress, State, Status};
use crate::schema::{Epoch, SessionId, TimestampMs};

pub(super) fn start(step: &Step<'_>, by: By) -> Result<Transition, StepError> {
    step.admit(by)?;
    if step.migration.status() != Status::Pending {
        return Err(step.wrong_status(Status::Pending));
    }
    let mut next = step.migration.clone();
    next.state = State::InProgress {
        started_at_ms: step.now,
    };
    Ok(Transition::to(next).event(EventKind::Started))
}

/// Whether an executor of `session` may claim `migration` at `now`, as far as the machine is concerned:
/// it has not ended, nobody alive holds it, and it does not wait after a failure. A claim asks the same.
///
/// # Errors
/// [`StepError`] says what it waits for.
pub fn claimable(
    migration: &Migration,
    session: SessionId,
    now: TimestampMs,
) -> Result<(), StepError> {
    if migration.status().is_terminal() {
        return Err(StepError::Ended {
            id: migration.id,
            status: migration.status(),
            command: CommandName::Claim,
        });
    }
    if let Some(attempt) = live_attempt(migration, session, now) {
        return Err(held(migration, attempt));
    }
    if now < migration.not_before_ms {
        return Err(StepError::BackingOff {
            id: migration.id,
            until_ms: migration.not_before_ms,
            now_ms: now,
        });
    }
    Ok(())
}

/// A new attempt. A claim that is still alive is not taken away; one whose process is gone, or
/// whose lease ran out, is. A migration that is being cancelled can be claimed, too: somebody has
/// to let writes go on and let go of it.
pub(super) fn claim(
    step: &Step<'_>,
    executor: &ExecutorName,
    session: SessionId,
) -> Result<Transition, StepError> {
    claimable(step.migration, session, step.now)?;
    let mut next = step.migration.clone();
    next.epoch = next.epoch.next();
    next.attempt = Some(Attempt {
        epoch: next.epoch,
        executor: executor.clone(),
        session,
        claimed_at_ms: step.now,
        lease_until_ms: step.now.plus_ms(step.settings.lease_ms),
        moved_at_ms: step.now,
        stalled: false,
    });
    // The rate of the attempt before is the best guess until this one is measured.
    next.progress = Progress {
        bytes_total: next.progress.bytes_total,
        bytes_per_second: next.progress.bytes_per_second,
        ..Progress::default()
    };
    next.state = State::InProgress {
        started_at_ms: next.state.started_at_ms().unwrap_or(step.now),
    };
    let transition = Transition::to(next);
    // An attempt of an earlier session ended with its process, whatever its lease says.
    let ran_out = |attempt: &Attempt| attempt.session == session;
    Ok(match step
        .migration
        .attempt
        .as_ref()
        .filter(|before| ran_out(before))
    {
        Some(_) => transition.event(EventKind::LeaseExpired),
        None => transition,
    }
    .event(EventKind::Claimed))
}

/// Also while a cancellation waits: until the executor lets go, nobody else may have it. The record
/// tells it of the wish.
pub(super) fn renew(step: &Step<'_>, epoch: Epoch, moving: bool) -> Result<Transition, StepError> {
    step.admit_attempt(epoch)?;
    let mut next = step.migration.clone();
    if let Some(attempt) = &mut next.attempt {
        attempt.lease_until_ms = step.now.plus_ms(step.settings.lease_ms);
    }
    Ok(stall::watched(step, next, moving))
}

/// The next attempt need not wait. Nothing to do where none waits.
pub(super) fn retry(step: &Step<'_>, reason: &Reason) -> Result<Transition, StepError> {
    let mut next = step.migration.clone();
    if next.not_before_ms <= step.now {
        return Ok(Transition::to(next));
    }
    next.not_before_ms = step.now;
    Ok(Transition::to(next)
        .event(EventKind::RetryRequested)
        .cause(reason))
}

/// The executor lets go without having failed.
pub(super) fn release(step: &Step<'_>, epoch: Epoch) -> Result<Transition, StepError> {
    step.admit_attempt(epoch)?;
    if let Some(cancelled) = end::cancel_as_requested(step) {
        return Ok(cancelled);
    }
    let mut next = step.migration.clone();
    next.attempt = None;
    next.state = State::InProgress {
        started_at_ms: next.state.started_at_ms().unwrap_or(step.now),
    };
    Ok(Transition::to(next).event(EventKind::AttemptReleased))
}
