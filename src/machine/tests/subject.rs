//! Migrations in every situation that the machine tells apart.

use crate::machine::{self, Begin, By, Command, Report};
use crate::schema::text::{Algorithm, Checkpoint, Digest, ExecutorName, Reason};
use crate::schema::v1::{FailureClass, Migration, Settings, Side};
use crate::schema::{Epoch, MigrationId, NodeId, SessionId, ShardId, TimestampMs};

pub(super) const ID: &str = "018f0000-0000-7000-8000-000000000001";
pub(super) const OURS: SessionId = SessionId(uuid::Uuid::from_u128(1));
pub(super) const THEIRS: SessionId = SessionId(uuid::Uuid::from_u128(2));

/// The instant at which the commands of the table are given.
pub(super) const NOW: TimestampMs = TimestampMs(20_000);

pub(super) fn begun() -> Migration {
    let id: MigrationId = ID.parse().unwrap();
    let begin = Begin::new(id, ShardId(7), NodeId(1), NodeId(2));
    machine::begin(&begin, TimestampMs(1_000)).unwrap().next
}

/// `migration` after `commands`, each a second after the one before.
pub(super) fn after(migration: Migration, commands: &[Command]) -> Migration {
    let mut migration = migration;
    for (at_ms, command) in (2_000..).step_by(1_000).zip(commands) {
        let settings = Settings::default();
        let next = machine::step(&migration, command, &settings, TimestampMs(at_ms));
        migration = next.unwrap().next;
    }
    migration
}

pub(super) fn claim(session: SessionId) -> Command {
    Command::Claim {
        executor: ExecutorName::new("worker").unwrap(),
        session,
    }
}

pub(super) fn progress(by: By, bytes_migrated: u64, bytes_total: Option<u64>) -> Command {
    let report = Report {
        bytes_migrated,
        bytes_total,
        checkpoint: Some(Checkpoint::new(bytes_migrated.to_string()).unwrap()),
    };
    Command::Progress { by, report }
}

pub(super) fn evidence(by: By, same: bool) -> Command {
    let side = |bytes| Side {
        items: 3,
        bytes,
        digest: Digest::new([7; 4]).unwrap(),
    };
    Command::SubmitEvidence {
        by,
        algorithm: Algorithm::new("blake3").unwrap(),
        source: side(60),
        destination: side(if same { 60 } else { 59 }),
    }
}

pub(super) fn cancel() -> Command {
    Command::Cancel {
        session: OURS,
        reason: Reason::from("not wanted"),
    }
}

pub(super) fn fail_attempt(epoch: u64, class: FailureClass, from_scratch: bool) -> Command {
    Command::FailAttempt {
        epoch: Epoch(epoch),
        class,
        reason: Reason::from("disk full"),
        from_scratch,
    }
}

/// Every situation, with its name.
pub(super) fn subjects() -> Vec<(&'static str, Migration)> {
    let caller = By::Caller;
    let first = By::Attempt(Epoch(1));
    let second = By::Attempt(Epoch(2));
    let start = Command::Start { by: caller };
    let verify = |by| Command::BeginVerification { by };
    let release = |epoch| Command::Release {
        epoch: Epoch(epoch),
    };
    // The epoch is 2 wherever there is or was a claim, so that 1 is stale.
    let claimed = [
        claim(OURS),
        progress(first, 10, Some(60)),
        release(1),
        claim(OURS),
        progress(second, 40, Some(60)),
    ];
    let with = |more: &[Command]| after(begun(), &[&claimed[..], more].concat());
    let called = |more: &[Command]| {
        let started = [start.clone(), progress(caller, 40, Some(60))];
        after(begun(), &[&started[..], more].concat())
    };
    let mut lease_out = with(&[]);
    lease_out.attempt.as_mut().unwrap().lease_until_ms = NOW;
    let mut dead = with(&[]);
    dead.attempt.as_mut().unwrap().session = THEIRS;
    let mut dead_cancelling = with(&[cancel()]);
    dead_cancelling.attempt.as_mut().unwrap().session = THEIRS;
    // Evidence of an attempt that is over.
    let mut stale = with(&[verify(second), evidence(second, true)]);
    stale.evidence.as_mut().unwrap().epoch = Epoch(1);
    let fail = Command::Fail {
        by: caller,
        class: FailureClass::Permanent,
        reason: Reason::from("disk broken"),
    };
    let retriable = FailureClass::Retriable;
    vec![
        ("pending", begun()),
        ("in progress, nobody", called(&[])),
        ("in progress, live claim", with(&[])),
        (
            "in progress, live claim, fenced",
            with(&[Command::Fence { epoch: Epoch(2) }]),
        ),
        (
            "in progress, live claim, cancel requested",
            with(&[cancel()]),
        ),
        ("in progress, claim of another session", dead),
        (
            "in progress, claim of another session, cancel requested",
            dead_cancelling,
        ),
        ("in progress, lease run out", lease_out),
        ("in progress, released", with(&[release(2)])),
        (
            "in progress, attempt failed, may be claimed",
            with(&[fail_attempt(2, retriable, false)]),
        ),
        ("in progress, attempt failed, backing off", {
            let mut migration = with(&[fail_attempt(2, retriable, false)]);
            migration.not_before_ms = TimestampMs(NOW.0 + 1);
            migration
        }),
        ("in progress, four attempts failed, live claim", {
            let mut migration = with(&[]);
            migration.failed_attempts = 4;
            migration
        }),
        ("verifying, nobody, no evidence", called(&[verify(caller)])),
        (
            "verifying, nobody, evidence matches",
            called(&[verify(caller), evidence(caller, true)]),
        ),
        (
            "verifying, nobody, evidence differs",
            called(&[verify(caller), evidence(caller, false)]),
        ),
        (
            "verifying, live claim, no evidence",
            with(&[verify(second)]),
        ),
        (
            "verifying, live claim, evidence matches",
            with(&[verify(second), evidence(second, true)]),
        ),
        (
            "verifying, live claim, evidence differs",
            with(&[verify(second), evidence(second, false)]),
        ),
        (
            "verifying, live claim, evidence of an earlier attempt",
            stale,
        ),
        (
            "verifying, live claim, evidence matches, cancel requested",
            { with(&[verify(second), evidence(second, true), cancel()]) },
        ),
        (
            "complete",
            called(&[Command::Complete {
                by: caller,
                waived: None,
            }]),
        ),
        ("failed", called(std::slice::from_ref(&fail))),
        ("cancelled", called(&[cancel()])),
    ]
}
