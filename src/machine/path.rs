//! Where the events of a migration lead: the machine, read backwards.

use crate::schema::EventSeq;
use crate::schema::v1::{Event, EventKind, Status};

/// Events that no migration can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} ({event}) cannot follow on status {status:?}")]
pub struct PathError {
    /// The event that does not fit.
    pub seq: EventSeq,
    /// What it says.
    pub event: String,
    /// Where the events before it lead; `None`: there is no migration yet.
    pub status: Option<Status>,
}

/// The status in which the events of one migration end, oldest first.
///
/// # Errors
/// [`PathError`] names the first event that cannot follow on those before it.
pub fn replay<'a>(
    events: impl IntoIterator<Item = &'a Event>,
) -> Result<Option<Status>, PathError> {
    let mut status = None;
    for event in events {
        status = Some(follow(status, &event.kind).ok_or_else(|| PathError {
            seq: event.seq,
            event: format!("{:?}", event.kind),
            status,
        })?);
    }
    Ok(status)
}

fn follow(status: Option<Status>, kind: &EventKind) -> Option<Status> {
    use Status::{Cancelled, Complete, Failed, InProgress, Pending, Verifying};
    let open = |status: Option<Status>| status.filter(|status| !status.is_terminal());
    match kind {
        EventKind::Begun { .. } => status.is_none().then_some(Pending),
        EventKind::Started => (status? == Pending).then_some(InProgress),
        EventKind::Claimed => open(status).map(|_| InProgress),
        EventKind::AttemptFailed { .. } | EventKind::AttemptReleased => {
            open(status).filter(|status| *status != Pending)?;
            Some(InProgress)
        }
        EventKind::VerificationBegun => (status? == InProgress).then_some(Verifying),
        EventKind::EvidenceSubmitted { .. } => (status? == Verifying).then_some(Verifying),
        EventKind::Completed { .. } => open(status)
            .filter(|status| *status != Pending)
            .map(|_| Complete),
        EventKind::Failed { .. } => open(status).map(|_| Failed),
        EventKind::Cancelled => open(status).map(|_| Cancelled),
        EventKind::Fenced
        | EventKind::Unfenced
        | EventKind::CancelRequested
        | EventKind::LeaseExpired
        | EventKind::Stalled
        | EventKind::RetryRequested
        | EventKind::VerificationWaived => open(status),
        EventKind::Activated
        | EventKind::CleanupFailed { .. }
        | EventKind::CleanupSettled { .. }
        | EventKind::CleanupForgiven { .. }
        | EventKind::CleanupHurried { .. } => status.filter(|status| status.is_terminal()),
        EventKind::ReportFenced { .. }
        | EventKind::Paused { .. }
        | EventKind::Resumed { .. }
        | EventKind::Quarantined
        | EventKind::QuarantineReleased
        | EventKind::RowForgiven { .. } => status,
        EventKind::NodeRegistered { .. }
        | EventKind::NodeUpdated { .. }
        | EventKind::NodeRemoved { .. }
        | EventKind::ShardRegistered { .. }
        | EventKind::ShardRemoved { .. }
        | EventKind::SettingsChanged => None,
    }
}
