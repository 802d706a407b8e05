//! Draining in a run that does not end by itself.

use std::thread;
use std::time::{Duration, Instant};

use shardferry::executor::StopToken;
use shardferry::schema::v1::CleanupKind;
use shardferry::store::StoreError;
use shardferry::{Event, EventKind, EventSeq, MigrationTracker};

use super::{Drained, Nodes, as_it_is, go_on_or_say};
use crate::drive::{self, Drive};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::note;

/// How often the log is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// After this long it is planned all the same: a cooldown ends without an event.
const PLAN_ANYWAY: Duration = Duration::from_secs(600);

/// How finely it waits: Ctrl-C is not to wait longer.
const TICK: Duration = Duration::from_millis(100);

/// Most events that are read at once.
const EVENTS_MAX: usize = 1_000;

/// Drives until `stop`, waiting for more to do; what draining nodes still hold is begun as room is
/// made.
pub(crate) fn stay(tracker: &MigrationTracker, how: Drive<'_>) -> Result<Drained, Failure> {
    let mut log = Log::of(tracker)?;
    let nodes = go_on_or_say(tracker)?;
    let (report, nodes) = thread::scope(|scope| {
        let driving = scope.spawn(|| {
            let report = drive::drive_with(tracker, how, |options| options.stays = true);
            // Also when the file failed: nobody is to wait for what cannot come.
            how.stop.stop();
            report
        });
        let nodes = keep_draining(tracker, nodes, &mut log, how.stop);
        (driving.join(), nodes)
    });
    let report = report.map_err(|_| Failure::message(Exit::Unexpected, "the run panicked"))??;
    let nodes = as_it_is(tracker, nodes)?;
    Ok(Drained { report, nodes })
}

fn keep_draining(
    tracker: &MigrationTracker,
    mut nodes: Nodes,
    log: &mut Log,
    stop: &StopToken,
) -> Nodes {
    let mut planned = Instant::now();
    while waited(stop) {
        // The executor finds out what there is to find out about the file.
        let changed = log.has_made_room(tracker).unwrap_or(false);
        if !changed && planned.elapsed() < PLAN_ANYWAY {
            continue;
        }
        planned = Instant::now();
        match go_on_or_say(tracker) {
            Ok(now) => nodes = now,
            Err(failure) => note(failure.story()),
        }
    }
    nodes
}

/// Waits a little. Whether to go on.
fn waited(stop: &StopToken) -> bool {
    let since = Instant::now();
    while since.elapsed() < LOOK_AGAIN && !stop.is_stopped() {
        thread::sleep(TICK);
    }
    !stop.is_stopped()
}

/// How far the log was read.
struct Log(EventSeq);

impl Log {
    fn of(tracker: &MigrationTracker) -> Result<Self, StoreError> {
        let newest = tracker.recent_events(1)?.pop();
        Ok(Self(newest.map_or(EventSeq(0), |event| event.seq)))
    }

    /// Whether something happened since the last look after which more may begin.
    fn has_made_room(&mut self, tracker: &MigrationTracker) -> Result<bool, StoreError> {
        let mut made_room = false;
        loop {
            let events = tracker.events(self.0, EVENTS_MAX)?;
            made_room |= events.iter().any(makes_room);
            match events.last() {
                Some(last) => self.0 = last.seq,
                None => return Ok(made_room),
            }
        }
    }
}

/// Whether more may begin after `event`. What follows on a move that failed is none of it: it would be
/// begun, and fail, for ever.
fn makes_room(event: &Event) -> bool {
    match &event.kind {
        EventKind::Completed { .. }
        | EventKind::Cancelled
        | EventKind::CleanupForgiven { .. }
        | EventKind::QuarantineReleased
        | EventKind::NodeRegistered { .. }
        | EventKind::NodeUpdated { .. }
        | EventKind::NodeRemoved { .. }
        | EventKind::ShardRegistered { .. }
        | EventKind::ShardRemoved { .. }
        | EventKind::SettingsChanged
        | EventKind::RowForgiven { .. } => true,
        EventKind::CleanupSettled { kind, .. } => *kind == CleanupKind::ReleaseSource,
        EventKind::Begun { .. }
        | EventKind::Started
        | EventKind::Claimed
        | EventKind::Fenced
        | EventKind::Unfenced
        | EventKind::VerificationBegun
        | EventKind::EvidenceSubmitted { .. }
        | EventKind::CancelRequested
        | EventKind::AttemptFailed { .. }
        | EventKind::AttemptReleased
        | EventKind::Failed { .. }
        | EventKind::ReportFenced { .. }
        | EventKind::LeaseExpired
        | EventKind::Stalled
        | EventKind::Activated
        | EventKind::CleanupFailed { .. }
        | EventKind::Paused { .. }
        | EventKind::Resumed { .. }
        | EventKind::Quarantined
        | EventKind::VerificationWaived
        | EventKind::RetryRequested
        | EventKind::CleanupHurried { .. } => false,
    }
}
