//! Random operations of several callers, with restarts and crashes between them, against a plain model
//! in memory.
//!
//! The model says of each operation whether it is accepted and what it leaves. After each one the file
//! says what the model says, every invariant holds in it and around the step, and what was refused
//! changed no row. A restart changes nothing. A crash takes back exactly what was committed without
//! waiting for the disk, which is progress and signs of life: row for row the file is as it was after
//! the last operation that waited.
//!
//! `PROPTEST_CASES` sets how many cases; what fails is kept in `proptest-regressions`, and is replayed.

mod answer;
mod apply;
mod line;
mod op;
mod operators;
mod reference;
mod session;
mod story;

use proptest::prelude::*;
use shardferry::schema::text::ExecutorName;

pub(crate) use self::op::{Op, ops};
use self::reference::Model;
use self::session::{ENDS, Sometimes, run};
use self::story::life;
use crate::support::{Place, cases};

const NODES: u64 = 4;
const SHARDS: u64 = 5;
const EXECUTORS: usize = 3;
/// Few, so that shards get into quarantine.
const ATTEMPTS_MAX: u32 = 2;

fn executor(which: usize) -> ExecutorName {
    ExecutorName::new(format!("executor-{which}")).unwrap()
}

/// A file after `ops`, closed.
pub(crate) fn played(place: &Place, required: bool, ops: &[Op]) -> Result<(), TestCaseError> {
    run(place, Model::new(required), ops, &mut Sometimes::new())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(40),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_file_does_what_the_model_does(
        ops in life(60),
        required in any::<bool>(),
    ) {
        run(&Place::new(), Model::new(required), &ops, &mut Sometimes::new())?;
    }
}

/// The operations above reach what they are to check, and often: a generator whose operations are all
/// refused would prove nothing.
#[test]
fn random_operations_meet_everything() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut met = Sometimes::new();
    for round in 0..90 {
        let ops = life(100).new_tree(&mut runner);
        let ops = ops.unwrap().current();
        run(&Place::new(), Model::new(round % 4 == 0), &ops, &mut met).unwrap();
    }
    for status in ENDS {
        let times = met.get(status.as_str()).copied().unwrap_or_default();
        assert!(times >= 5, "{status} was reached {times} times: {met:#?}");
    }
    let missing: Vec<_> = SOMETIMES
        .iter()
        .filter(|what| !met.contains_key(**what))
        .collect();
    assert!(missing.is_empty(), "never met: {missing:?} among {met:#?}");
}

/// What must be met.
const SOMETIMES: [&str; 58] = [
    "Claim: NodeDown",
    "Claim: Paused",
    "Claim: Refused(BackingOff",
    "Claim: Refused(Held",
    "Claim: accepted",
    "Claim: taken over",
    "ClaimNext: by priority",
    "ClaimNext: goes on",
    "ClaimNext: none",
    "ClaimNext: none, and a slot is free",
    "ClaimNext: none, for want of a slot",
    "ClaimNext: passing over others",
    "ClaimNext: taken over",
    "ClaimNext: the oldest",
    "ClaimNext: tried again",
    "Complete: accepted",
    "CompleteUnverified: accepted",
    "Drain: accepted",
    "Evidence: accepted",
    "Flush: accepted",
    "ForgiveNode: NodeThere",
    "ForgiveOne: NotActivated",
    "ForgiveOne: forgiven",
    "Hurry: hurried",
    "LeaseRunsOut: accepted",
    "Move: AlreadyMigrating",
    "Move: CleanupOpen",
    "Move: NodeState",
    "MoveOnce: RequestConflict",
    "MoveWith: VersionChanged",
    "NodeLeaves: NodeHasShards",
    "NodeLeaves: NodeInMigration",
    "NodeLeaves: accepted",
    "Pause: Ended",
    "Pause: accepted",
    "Plan: Move",
    "Plan: accepted",
    "Register: accepted",
    "Remove: ShardInMigration",
    "Resume: NotPaused",
    "ResumeOne: accepted",
    "ReleaseOne: accepted",
    "RetryOne: begun anew",
    "RetryOne: need not wait",
    "RetryOne: out of quarantine",
    "Reverse: NotCutOver",
    "ReverseOne: accepted",
    "ReverseOne: MovedOn",
    "Undrain: called off",
    "claim.Complete: Refused(NotVerified",
    "claim.Complete: accepted",
    "claim.FailAttempt: accepted",
    "claim.Report: Refused(Cancelling",
    "claim.Report: Paused",
    "claim.Report: late, and the log says so",
    "claim.Unfence: accepted",
    "crash: took nothing",
    "crash: took progress",
];
