//! Whether the work on a migration comes further.

use super::Transition;
use super::step::Step;
use crate::schema::v1::{EventKind, Migration};

/// The transition to `next`, in which the attempt came further (`moving`) or did not. When it has not
/// for as long as the settings say, the log says so, once until it goes on.
pub(super) fn watched(step: &Step<'_>, mut next: Migration, moving: bool) -> Transition {
    let stall_ms = step.settings.stall_ms;
    let Some(attempt) = &mut next.attempt else {
        return Transition::to(next);
    };
    if moving {
        attempt.moved_at_ms = step.now;
        attempt.stalled = false;
        return Transition::to(next);
    }
    let idle_ms = step.now.ms_since(attempt.moved_at_ms);
    if stall_ms == 0 || attempt.stalled || idle_ms < stall_ms {
        return Transition::to(next);
    }
    attempt.stalled = true;
    let cause = format!("no progress for {idle_ms} ms; {stall_ms} ms are allowed");
    Transition::to(next)
        .event(EventKind::Stalled)
        .cause(&cause.into())
}
