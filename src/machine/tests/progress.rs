//! What a report does to the numbers, and where exactly the borders are.

use super::subject::{OURS, after, begun, claim, fail_attempt, progress};
use crate::machine::{self, By, StepError};
use crate::schema::v1::{FailureClass, Migration, Progress, Settings};
use crate::schema::{Epoch, TimestampMs};

const BY: By = By::Attempt(Epoch(1));

fn report(
    migration: &Migration,
    at_ms: u64,
    bytes: u64,
    total: Option<u64>,
) -> Result<Migration, StepError> {
    let command = progress(BY, bytes, total);
    let settings = Settings::default();
    let step = machine::step(migration, &command, &settings, TimestampMs(at_ms));
    step.map(|transition| transition.next)
}

/// The progress after reports of so many bytes, each at its time.
fn reported(reports: &[(u64, u64)]) -> Progress {
    let mut migration = after(begun(), &[claim(OURS)]);
    for (at_ms, bytes) in reports {
        migration = report(&migration, *at_ms, *bytes, None).unwrap();
    }
    migration.progress
}

#[test]
fn the_first_report_starts_the_measurement() {
    let expected = Progress {
        bytes_migrated: 500,
        bytes_total: None,
        updated_at_ms: TimestampMs(10_000),
        sampled_at_ms: TimestampMs(10_000),
        sampled_bytes: 500,
        bytes_per_second: 0,
    };
    assert_eq!(reported(&[(10_000, 500)]), expected);
}

#[test]
fn a_rate_is_measured_over_a_quarter_of_a_second_or_more_and_smoothed() {
    // Too soon: the bytes count, the rate waits.
    let progress = reported(&[(10_000, 500), (10_249, 900)]);
    assert_eq!(
        (progress.bytes_migrated, progress.sampled_bytes),
        (900, 500)
    );
    assert_eq!(progress.updated_at_ms, TimestampMs(10_249));
    assert_eq!(progress.sampled_at_ms, TimestampMs(10_000));
    assert_eq!(progress.bytes_per_second, 0);

    // Just long enough.
    let progress = reported(&[(10_000, 500), (10_250, 900)]);
    assert_eq!(progress.bytes_per_second, 1_600);
    assert_eq!(progress.sampled_at_ms, TimestampMs(10_250));
    assert_eq!(progress.sampled_bytes, 900);

    // Two and a half seconds: 3000 bytes in 2500 ms.
    assert_eq!(
        reported(&[(1_000, 0), (3_500, 3_000)]).bytes_per_second,
        1_200
    );

    // A second later; the measurement after it counts a quarter: 400 - 100 + 1000 / 4.
    let progress = reported(&[(10_000, 500), (11_000, 900), (13_000, 2_900)]);
    assert_eq!(progress.bytes_per_second, 550);
    // Nothing moved: the rate falls by a quarter.
    let progress = reported(&[(10_000, 500), (11_000, 900), (12_000, 900)]);
    assert_eq!(progress.bytes_per_second, 300);
}

#[test]
fn the_same_again_and_all_of_it_are_no_mistake() {
    let migration = after(begun(), &[claim(OURS)]);
    let migration = report(&migration, 10_000, 60, Some(100)).unwrap();
    let same = report(&migration, 10_500, 60, Some(100)).unwrap();
    assert_eq!(same.progress.bytes_migrated, 60);
    let backwards = report(&migration, 10_500, 59, Some(100));
    assert!(matches!(
        backwards,
        Err(StepError::ProgressBackwards {
            recorded: 60,
            reported: 59,
            ..
        })
    ));
    let all = report(&same, 11_000, 100, Some(100)).unwrap();
    assert_eq!(all.progress.bytes_migrated, 100);
    let past = report(&same, 11_000, 101, Some(100));
    assert!(matches!(
        past,
        Err(StepError::ProgressPastTotal {
            total: 100,
            reported: 101,
            ..
        })
    ));
}

#[test]
fn a_backoff_is_over_at_its_very_instant() {
    let commands = [claim(OURS), fail_attempt(1, FailureClass::Retriable, false)];
    let migration = after(begun(), &commands);
    let until_ms = migration.not_before_ms;
    let claim_at = |at_ms| {
        machine::step(
            &migration,
            &claim(OURS),
            &Settings::default(),
            TimestampMs(at_ms),
        )
    };
    assert!(matches!(
        claim_at(until_ms.0 - 1),
        Err(StepError::BackingOff { .. })
    ));
    assert_eq!(claim_at(until_ms.0).unwrap().next.epoch, Epoch(2));
}
