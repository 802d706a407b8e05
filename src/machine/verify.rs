//! From the end of the copy to the proof: fence, unfence, verification, evidence.

use super::step::Step;
use super::{By, StepError, Transition};
use crate::schema::Epoch;
use crate::schema::text::Algorithm;
use crate::schema::v1::{EventKind, Evidence, Side, State};

/// Recorded before the mover stops the writes, so that a crash in between is known about.
pub(super) fn fence(step: &Step<'_>, epoch: Epoch) -> Result<Transition, StepError> {
    step.admit_attempt(epoch)?;
    step.not_cancelling()?;
    let mut next = step.migration.clone();
    next.fenced_at_ms = Some(step.now);
    Ok(Transition::to(next).event(EventKind::Fenced))
}

/// Recorded after the mover let the writes go on.
pub(super) fn unfence(step: &Step<'_>, epoch: Epoch) -> Result<Transition, StepError> {
    step.admit_attempt(epoch)?;
    let mut next = step.migration.clone();
    next.fenced_at_ms = None;
    Ok(Transition::to(next).event(EventKind::Unfenced))
}

pub(super) fn begin_verification(step: &Step<'_>, by: By) -> Result<Transition, StepError> {
    step.admit(by)?;
    step.not_cancelling()?;
    let State::InProgress { started_at_ms } = step.migration.state else {
        return Err(step.wrong_status(crate::schema::v1::Status::InProgress));
    };
    let mut next = step.migration.clone();
    next.state = State::Verifying {
        started_at_ms,
        verifying_at_ms: step.now,
    };
    // Evidence counts by its epoch. What an attempt proved that has since failed or let go, under
    // an epoch that nobody has renewed, is not the proof of this verification.
    next.evidence = next
        .evidence
        .filter(|evidence| evidence.epoch != next.epoch);
    Ok(Transition::to(next).event(EventKind::VerificationBegun))
}

pub(super) fn submit_evidence(
    step: &Step<'_>,
    by: By,
    algorithm: &Algorithm,
    source: &Side,
    destination: &Side,
) -> Result<Transition, StepError> {
    step.admit(by)?;
    step.not_cancelling()?;
    if !matches!(step.migration.state, State::Verifying { .. }) {
        return Err(step.wrong_status(crate::schema::v1::Status::Verifying));
    }
    let evidence = Evidence {
        epoch: step.migration.epoch,
        at_ms: step.now,
        algorithm: algorithm.clone(),
        source: source.clone(),
        destination: destination.clone(),
    };
    let matches = evidence.matches();
    let mut next = step.migration.clone();
    next.evidence = Some(evidence);
    if let Some(attempt) = &mut next.attempt {
        attempt.lease_until_ms = step.now.plus_ms(step.settings.lease_ms);
    }
    Ok(Transition::to(next).event(EventKind::EvidenceSubmitted { matches }))
}
