//! `migrations`.

use migrations_schema::table;
use migrations_schema::text::{Algorithm, Checkpoint, Digest, Reason, RequestKey};
use migrations_schema::v1::{
    CancelRequest, Evidence, FailureClass, Migration, Progress, SavedCheckpoint, Side, State,
    Trigger,
};
use migrations_schema::{Epoch, MigrationId, NodeId, ShardId, TimestampMs};
use uuid::Uuid;

use super::samples::{
    END_OF_TIME, LAST_NODE, NEW_YEAR, attempt, classes, failures, largest_attempt,
    largest_evidence, largest_failures, last_migration_id, longest_checkpoint, longest_reason,
    longest_request, migration_id, triggers,
};
use super::{Case, case, variants};

pub(super) fn cases() -> Vec<Case> {
    let row =
        |name: String, migration: Migration| case(table::MIGRATIONS, name, migration.id, migration);
    let mut cases = vec![
        row("minimal".to_owned(), smallest()),
        row("maximal".to_owned(), largest()),
        row("maximal-failed".to_owned(), largest_failed()),
        row("typical".to_owned(), typical()),
    ];
    cases.extend(states().into_iter().map(|(name, state)| {
        let mut migration = smallest();
        migration.state = state;
        row(format!("state-{name}"), migration)
    }));
    cases.extend(classes().into_iter().map(|(name, class)| {
        let mut migration = smallest();
        migration.state = State::Failed {
            started_at_ms: None,
            finished_at_ms: NEW_YEAR,
            class,
            reason: Reason::new(name),
        };
        row(format!("failed-{name}"), migration)
    }));
    let mut never_started = smallest();
    never_started.state = State::Cancelled {
        started_at_ms: None,
        finished_at_ms: NEW_YEAR,
        reason: Reason::new("not needed"),
    };
    cases.push(row("cancelled-never-started".to_owned(), never_started));
    cases.extend(triggers().into_iter().map(|(name, trigger)| {
        let mut migration = smallest();
        migration.trigger = trigger;
        row(format!("trigger-{name}"), migration)
    }));
    cases.extend(
        [i32::MIN, -126, -125, -1, 1, 125, 126, i32::MAX].map(|priority| {
            let mut migration = smallest();
            migration.priority = priority;
            row(format!("priority{priority:+}"), migration)
        }),
    );
    cases
}

fn states() -> Vec<(&'static str, State)> {
    let started_at_ms = NEW_YEAR;
    let finished_at_ms = NEW_YEAR.plus_ms(2_000);
    variants! { State;
        State::Pending => "pending": State::Pending,
        State::InProgress { .. } => "in-progress": State::InProgress { started_at_ms },
        State::Verifying { .. } => "verifying": State::Verifying {
            started_at_ms,
            verifying_at_ms: NEW_YEAR.plus_ms(1_000),
        },
        State::Complete { .. } => "complete": State::Complete { started_at_ms, finished_at_ms },
        State::Failed { .. } => "failed": State::Failed {
            started_at_ms: Some(started_at_ms),
            finished_at_ms,
            class: FailureClass::Permanent,
            reason: Reason::new("the disk is full"),
        },
        State::Cancelled { .. } => "cancelled": State::Cancelled {
            started_at_ms: Some(started_at_ms),
            finished_at_ms,
            reason: Reason::new("not needed"),
        },
    }
}

fn smallest() -> Migration {
    Migration {
        id: MigrationId(Uuid::nil()),
        shard: ShardId(0),
        from: NodeId(0),
        to: NodeId(1),
        state: State::Pending,
        created_at_ms: TimestampMs(0),
        epoch: Epoch(0),
        refused_epoch: Epoch(0),
        attempt: None,
        failed_attempts: 0,
        failures: Vec::new(),
        not_before_ms: TimestampMs(0),
        progress: Progress::default(),
        checkpoint: None,
        evidence: None,
        fenced_at_ms: None,
        cancel: None,
        priority: 0,
        trigger: Trigger::Manual,
        reason: Reason::new(""),
        request: None,
        shard_version: None,
        reverse_of: None,
    }
}

/// Everything that can be there at once while an executor holds it.
fn largest() -> Migration {
    Migration {
        id: last_migration_id(),
        shard: ShardId(u64::MAX),
        from: NodeId(u64::MAX - 1),
        to: LAST_NODE,
        state: State::Verifying {
            started_at_ms: END_OF_TIME,
            verifying_at_ms: END_OF_TIME,
        },
        created_at_ms: END_OF_TIME,
        epoch: Epoch(u64::MAX),
        refused_epoch: Epoch(u64::MAX),
        attempt: Some(largest_attempt()),
        failed_attempts: u32::MAX,
        failures: largest_failures(),
        not_before_ms: END_OF_TIME,
        progress: Progress {
            bytes_migrated: u64::MAX,
            bytes_total: Some(u64::MAX),
            updated_at_ms: END_OF_TIME,
            sampled_at_ms: END_OF_TIME,
            sampled_bytes: u64::MAX,
            bytes_per_second: u64::MAX,
        },
        checkpoint: Some(SavedCheckpoint {
            cursor: longest_checkpoint(),
            bytes_migrated: u64::MAX,
        }),
        evidence: Some(largest_evidence()),
        fenced_at_ms: Some(END_OF_TIME),
        cancel: Some(CancelRequest {
            at_ms: END_OF_TIME,
            reason: longest_reason(),
        }),
        priority: i32::MAX,
        trigger: Trigger::Reverse,
        reason: longest_reason(),
        request: Some(longest_request()),
        shard_version: Some(u64::MAX),
        reverse_of: Some(last_migration_id()),
    }
}

/// The longest record of all: no attempt, but a reason more.
fn largest_failed() -> Migration {
    Migration {
        state: State::Failed {
            started_at_ms: Some(END_OF_TIME),
            finished_at_ms: END_OF_TIME,
            class: FailureClass::Unknown,
            reason: longest_reason(),
        },
        attempt: None,
        ..largest()
    }
}

fn typical() -> Migration {
    let side = Side {
        items: 12,
        bytes: 123_456,
        digest: Digest::new([0xab; 32]).unwrap(),
    };
    Migration {
        id: migration_id(1),
        shard: ShardId(7),
        from: NodeId(1),
        to: NodeId(300),
        state: State::InProgress {
            started_at_ms: NEW_YEAR,
        },
        created_at_ms: NEW_YEAR,
        epoch: Epoch(4),
        refused_epoch: Epoch(2),
        attempt: Some(attempt(4)),
        failed_attempts: 3,
        failures: failures(),
        not_before_ms: TimestampMs(0),
        progress: Progress {
            bytes_migrated: 65_536,
            bytes_total: Some(123_456),
            updated_at_ms: NEW_YEAR.plus_ms(900),
            sampled_at_ms: NEW_YEAR.plus_ms(800),
            sampled_bytes: 60_000,
            bytes_per_second: 70_000,
        },
        checkpoint: Some(SavedCheckpoint {
            cursor: Checkpoint::new(*b"file 3 at 4096").unwrap(),
            bytes_migrated: 60_000,
        }),
        evidence: Some(Evidence {
            epoch: Epoch(3),
            at_ms: NEW_YEAR,
            algorithm: Algorithm::new("blake3").unwrap(),
            source: side.clone(),
            destination: side,
        }),
        fenced_at_ms: None,
        cancel: None,
        priority: -3,
        trigger: Trigger::Rebalance,
        reason: Reason::new("disk-a is over its share"),
        request: Some(RequestKey::new("plan-17/3").unwrap()),
        shard_version: Some(4),
        reverse_of: None,
    }
}
