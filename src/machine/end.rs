//! The ways a migration or an attempt ends: complete, fail, cancel.

use super::step::{Step, live_attempt};
use super::{By, Flip, StepError, Transition, backoff_ms};
use crate::schema::text::Reason;
use crate::schema::v1::{
    CancelRequest, Cleanup, CleanupKind, EventKind, Evidence, Failure, FailureClass, Migration,
    Quarantined, State, Status, Verification,
};
use crate::schema::{Epoch, SessionId};

/// The cutover. From here on nothing is rolled back.
pub(super) fn complete(
    step: &Step<'_>,
    by: By,
    waived: Option<&Reason>,
) -> Result<Transition, StepError> {
    step.admit(by)?;
    step.not_cancelling()?;
    let Some(started_at_ms) = step.migration.state.started_at_ms() else {
        return Err(step.wrong_status(Status::InProgress));
    };
    let proof = check_verification(step, waived)?;
    let mut next = ended(step.migration);
    next.state = State::Complete {
        started_at_ms,
        finished_at_ms: step.now,
    };
    let Migration {
        shard, from, to, ..
    } = *step.migration;
    let transition = match proof {
        Proven::Waived(reason) => Transition::to(next)
            .event(EventKind::VerificationWaived)
            .cause(reason),
        Proven::Yes | Proven::NotDemanded => Transition::to(next),
    };
    let verified = matches!(proof, Proven::Yes);
    Ok(transition
        .event(EventKind::Completed { verified })
        .flip(Flip { shard, from, to })
        .cleanup(Some(leftover(step, CleanupKind::ReleaseSource))))
}

/// What a cutover rests on.
enum Proven<'a> {
    /// Matching evidence of the current attempt.
    Yes,
    /// The settings demand none.
    NotDemanded,
    /// They demand it, and somebody said why to do without.
    Waived(&'a Reason),
}

/// What the cutover rests on; refuses evidence that contradicts it, and, where the settings demand
/// evidence and nobody waives it, its absence.
fn check_verification<'a>(
    step: &Step<'_>,
    waived: Option<&'a Reason>,
) -> Result<Proven<'a>, StepError> {
    let migration = step.migration;
    let current = |evidence: &&Evidence| {
        evidence.epoch == migration.epoch && migration.status() == Status::Verifying
    };
    match migration.evidence.as_ref().filter(current) {
        Some(evidence) if evidence.matches() => Ok(Proven::Yes),
        Some(evidence) => Err(StepError::CopiesDiffer {
            id: migration.id,
            source_items: evidence.source.items,
            source_bytes: evidence.source.bytes,
            destination_items: evidence.destination.items,
            destination_bytes: evidence.destination.bytes,
        }),
        None => match (step.settings.verification, waived) {
            (Verification::Optional, _) => Ok(Proven::NotDemanded),
            (Verification::Required, Some(reason)) => Ok(Proven::Waived(reason)),
            (Verification::Required, None) => Err(StepError::NotVerified {
                id: migration.id,
                current: migration.epoch,
                latest: migration.evidence.as_ref().map(|evidence| evidence.epoch),
            }),
        },
    }
}

pub(super) fn fail(
    step: &Step<'_>,
    by: By,
    class: FailureClass,
    reason: &Reason,
) -> Result<Transition, StepError> {
    step.admit(by)?;
    if let Some(since_ms) = step.migration.fenced_at_ms {
        return Err(StepError::StillFenced {
            id: step.migration.id,
            since_ms,
        });
    }
    Ok(failed(step, class, reason, ended(step.migration)))
}

/// Tries again after a wait, or fails: when it cannot help, or was tried often enough. A failure
/// whose outcome is unknown is never the last word, nor is one that leaves writes stopped.
pub(super) fn fail_attempt(
    step: &Step<'_>,
    epoch: Epoch,
    class: FailureClass,
    reason: &Reason,
    from_scratch: bool,
) -> Result<Transition, StepError> {
    step.admit_attempt(epoch)?;
    if let Some(cancelled) = cancel_as_requested(step) {
        return Ok(cancelled);
    }
    let mut next = ended(step.migration);
    if next.failures.len() >= Migration::FAILURES_MAX {
        next.failures.remove(0);
    }
    next.failures.push(Failure {
        epoch,
        at_ms: step.now,
        class,
        reason: reason.clone(),
    });
    next.failed_attempts = next.failed_attempts.saturating_add(1);
    let again = match class {
        FailureClass::Permanent => false,
        FailureClass::Retriable => next.failed_attempts < step.settings.attempts_max,
        FailureClass::Unknown => true,
    };
    if !again && next.fenced_at_ms.is_none() {
        let quarantine = Quarantined {
            at_ms: step.now,
            migration: next.id,
            failures: next.failures.clone(),
        };
        let failed = failed(step, class, reason, next);
        return Ok(match class {
            // Tried as often as the settings allow: it would not go better at once, and a planner
            // that does not know would begin it again for ever.
            FailureClass::Retriable => failed.quarantine(quarantine),
            FailureClass::Permanent | FailureClass::Unknown => failed,
        });
    }
    if from_scratch {
        next.checkpoint = None;
    }
    next.state = State::InProgress {
        started_at_ms: next.state.started_at_ms().unwrap_or(step.now),
    };
    next.not_before_ms = step
        .now
        .plus_ms(backoff_ms(step.settings, next.id, next.failed_attempts));
    let not_before_ms = next.not_before_ms;
    Ok(Transition::to(next)
        .event(EventKind::AttemptFailed {
            class,
            not_before_ms,
        })
        .cause(reason))
}

/// At once when nobody can be at work and writes go on; else the executor is asked to let go.
pub(super) fn cancel(
    step: &Step<'_>,
    session: SessionId,
    reason: &Reason,
) -> Result<Transition, StepError> {
    let held = live_attempt(step.migration, session, step.now).is_some();
    if !held && step.migration.fenced_at_ms.is_none() {
        return Ok(cancelled(step, reason));
    }
    let mut next = step.migration.clone();
    if next.cancel.is_some() {
        return Ok(Transition::to(next));
    }
    next.cancel = Some(CancelRequest {
        at_ms: step.now,
        reason: reason.clone(),
    });
    // The wish need not wait. Failures after it do: writes that cannot be let go on now may be later.
    next.not_before_ms = next.not_before_ms.min(step.now);
    Ok(Transition::to(next)
        .event(EventKind::CancelRequested)
        .cause(reason))
}

/// The end that an operator asked for, once writes to the source go on.
pub(super) fn cancel_as_requested(step: &Step<'_>) -> Option<Transition> {
    let request = step.migration.cancel.as_ref()?;
    let fenced = step.migration.fenced_at_ms.is_some();
    (!fenced).then(|| cancelled(step, &request.reason))
}

fn cancelled(step: &Step<'_>, reason: &Reason) -> Transition {
    let mut next = ended(step.migration);
    next.state = State::Cancelled {
        started_at_ms: step.migration.state.started_at_ms(),
        finished_at_ms: step.now,
        reason: reason.clone(),
    };
    Transition::to(next)
        .event(EventKind::Cancelled)
        .cause(reason)
        .cleanup(partial_copy(step))
}

fn failed(
    step: &Step<'_>,
    class: FailureClass,
    reason: &Reason,
    mut next: Migration,
) -> Transition {
    next.state = State::Failed {
        started_at_ms: step.migration.state.started_at_ms(),
        finished_at_ms: step.now,
        class,
        reason: reason.clone(),
    };
    Transition::to(next)
        .event(EventKind::Failed { class })
        .cause(reason)
        .cleanup(partial_copy(step))
}

/// The record without its attempt.
fn ended(migration: &Migration) -> Migration {
    Migration {
        attempt: None,
        ..migration.clone()
    }
}

/// What a migration that does not cut over leaves behind: nothing before it started.
fn partial_copy(step: &Step<'_>) -> Option<Cleanup> {
    match step.migration.status() {
        Status::Pending => None,
        Status::InProgress
        | Status::Verifying
        | Status::Complete
        | Status::Failed
        | Status::Cancelled => Some(leftover(step, CleanupKind::DiscardDestination)),
    }
}

fn leftover(step: &Step<'_>, kind: CleanupKind) -> Cleanup {
    let migration = step.migration;
    let (node, wait_ms) = match kind {
        CleanupKind::ReleaseSource => (migration.from, step.settings.cleanup_grace_ms),
        CleanupKind::DiscardDestination => (migration.to, 0),
    };
    Cleanup {
        node,
        shard: migration.shard,
        kind,
        migration: migration.id,
        from: migration.from,
        to: migration.to,
        created_at_ms: step.now,
        not_before_ms: step.now.plus_ms(wait_ms),
        retry_at_ms: step.now,
        failed_attempts: 0,
        last_error: None,
        activated: false,
    }
}
