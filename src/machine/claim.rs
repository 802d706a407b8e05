//! Who works on a migration: start, claim, renew, release.

use super::step::Step;
use super::{By, StepError, Transition, end};
use crate::schema::text::ExecutorName;
use crate::schema::v1::{Attempt, EventKind, Progress, State, Status};
use crate::schema::{Epoch, SessionId};

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

/// A new attempt. A claim that is still alive is not taken away; one whose process is gone, or
/// whose lease ran out, is. A migration that is being cancelled can be claimed, too: somebody has
/// to let writes go on and let go of it.
pub(super) fn claim(
    step: &Step<'_>,
    executor: &ExecutorName,
    session: SessionId,
) -> Result<Transition, StepError> {
    if let Some(attempt) = step.live_attempt(session) {
        return Err(step.held(attempt));
    }
    if step.now < step.migration.not_before_ms && step.migration.cancel.is_none() {
        return Err(StepError::BackingOff {
            id: step.migration.id,
            until_ms: step.migration.not_before_ms,
            now_ms: step.now,
        });
    }
    let mut next = step.migration.clone();
    next.epoch = next.epoch.next();
    next.attempt = Some(Attempt {
        epoch: next.epoch,
        executor: executor.clone(),
        session,
        claimed_at_ms: step.now,
        lease_until_ms: step.now.plus_ms(step.settings.lease_ms),
    });
    next.progress = Progress {
        bytes_total: next.progress.bytes_total,
        ..Progress::default()
    };
    next.state = State::InProgress {
        started_at_ms: next.state.started_at_ms().unwrap_or(step.now),
    };
    Ok(Transition::to(next).event(EventKind::Claimed))
}

/// Also while a cancellation waits: until the executor lets go, nobody else may have it. The record
/// tells it of the wish.
pub(super) fn renew(step: &Step<'_>, epoch: Epoch) -> Result<Transition, StepError> {
    step.admit_attempt(epoch)?;
    let mut next = step.migration.clone();
    if let Some(attempt) = &mut next.attempt {
        attempt.lease_until_ms = step.now.plus_ms(step.settings.lease_ms);
    }
    Ok(Transition::to(next))
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
