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
mod op;
mod reference;
mod session;

use proptest::prelude::*;
use shardferry::schema::text::ExecutorName;

pub(crate) use self::op::{Op, ops};
use self::reference::Model;
use self::session::{ENDS, Sometimes, run};
use crate::support::{Place, cases};

const NODES: u64 = 4;
const SHARDS: u64 = 5;
const EXECUTORS: usize = 3;
const ATTEMPTS_MAX: u32 = 3;

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
        ops in prop::collection::vec(ops(), 1..60),
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
    for round in 0..30 {
        let ops = prop::collection::vec(ops(), 80).new_tree(&mut runner);
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
const SOMETIMES: [&str; 28] = [
    "Claim: Limit",
    "Claim: NodeDown",
    "Claim: Refused(Held",
    "Claim: accepted",
    "Claim: taken over",
    "Complete: accepted",
    "Evidence: accepted",
    "Flush: accepted",
    "LeaseRunsOut: accepted",
    "Move: AlreadyMigrating",
    "Move: CleanupOpen",
    "Move: NodeState",
    "MoveOnce: RequestConflict",
    "NodeLeaves: NodeHasShards",
    "NodeLeaves: NodeInMigration",
    "NodeLeaves: accepted",
    "Plan: Move",
    "Plan: accepted",
    "Register: accepted",
    "Remove: ShardInMigration",
    "claim.Complete: Refused(NotVerified",
    "claim.Complete: accepted",
    "claim.FailAttempt: accepted",
    "claim.Report: Refused(Cancelling",
    "claim.Report: Refused(Fenced",
    "claim.Unfence: accepted",
    "crash: took nothing",
    "crash: took progress",
];
