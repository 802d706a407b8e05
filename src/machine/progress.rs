use super::step::Step;
use super::{By, Report, StepError, Transition, stall};
use crate::schema::TimestampMs;
use crate::schema::v1::{EventKind, Progress, SavedCheckpoint, State, Status};

/// The rate is measured over at least this long: shorter spans measure the scheduler.
const SAMPLE_MS_MIN: u64 = 250;

pub(super) fn progress(step: &Step<'_>, by: By, report: &Report) -> Result<Transition, StepError> {
    step.admit(by)?;
    step.not_cancelling()?;
    let starts = match step.migration.status() {
        Status::Pending => true,
        Status::InProgress => false,
        Status::Verifying | Status::Complete | Status::Failed | Status::Cancelled => {
            return Err(step.wrong_status(Status::InProgress));
        }
    };
    let recorded = &step.migration.progress;
    let bytes_total = report.bytes_total.or(recorded.bytes_total);
    check(step, report.bytes_migrated, bytes_total)?;

    let mut next = step.migration.clone();
    next.progress = advanced(recorded, report.bytes_migrated, bytes_total, step.now);
    if let Some(cursor) = &report.checkpoint {
        next.checkpoint = Some(SavedCheckpoint {
            cursor: cursor.clone(),
            bytes_migrated: report.bytes_migrated,
        });
    }
    if let Some(attempt) = &mut next.attempt {
        attempt.lease_until_ms = step.now.plus_ms(step.settings.lease_ms);
    }
    if starts {
        next.state = State::InProgress {
            started_at_ms: step.now,
        };
        return Ok(Transition::to(next).event(EventKind::Started));
    }
    let moving = report.bytes_migrated > recorded.bytes_migrated;
    Ok(stall::watched(step, next, moving))
}

fn check(step: &Step<'_>, reported: u64, total: Option<u64>) -> Result<(), StepError> {
    let id = step.migration.id;
    let recorded = step.migration.progress.bytes_migrated;
    if reported < recorded {
        return Err(StepError::ProgressBackwards {
            id,
            recorded,
            reported,
        });
    }
    match total {
        Some(total) if total < reported => Err(StepError::ProgressPastTotal {
            id,
            total,
            reported,
        }),
        Some(_) | None => Ok(()),
    }
}

fn advanced(
    before: &Progress,
    bytes_migrated: u64,
    bytes_total: Option<u64>,
    now: TimestampMs,
) -> Progress {
    let mut next = Progress {
        bytes_migrated,
        bytes_total,
        updated_at_ms: now,
        ..before.clone()
    };
    if before.sampled_at_ms == TimestampMs(0) {
        next.sampled_at_ms = now;
        next.sampled_bytes = bytes_migrated;
        return next;
    }
    let elapsed_ms = now.ms_since(before.sampled_at_ms);
    if elapsed_ms >= SAMPLE_MS_MIN {
        let bytes = bytes_migrated.saturating_sub(before.sampled_bytes);
        let measured = bytes.saturating_mul(1000) / elapsed_ms;
        // A quarter of the new measurement: steady enough for an ETA, and quick to follow.
        next.bytes_per_second = if before.bytes_per_second == 0 {
            measured
        } else {
            before.bytes_per_second - before.bytes_per_second / 4 + measured / 4
        };
        next.sampled_at_ms = now;
        next.sampled_bytes = bytes_migrated;
    }
    next
}
