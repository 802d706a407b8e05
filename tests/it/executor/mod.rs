//! The executor, with a mover that does as it is told.

mod mover;
mod staying;
mod store_fails;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shardferry::executor::{
    Executor, ExecutorOptions, Interrupted, Job, MoverError, Notice, Observer, Proof, Reporter,
    RunReport, ShardMover, StopToken,
};
use shardferry::schema::key::Key as _;
use shardferry::schema::table::TableId;
use shardferry::schema::text::{ExecutorName, NodeName, ShardName};
use shardferry::schema::v1::{FailureClass, SavedCheckpoint};
use shardferry::tracker::{ClaimError, RepairOptions};
use shardferry::{
    CancelOutcome, EventKind, MigrationId, MigrationTracker, Node, NodeId, NodeState, Settings,
    Shard, ShardId, State, Status, Verification,
};
use tempfile::TempDir;

use crate::support::Planter;
use mover::{FakeMover, SHARD_BYTES, Trouble};

/// Quick retries, and proof demanded.
fn settings() -> Settings {
    Settings {
        verification: Verification::Required,
        attempts_max: 3,
        backoff_ms_min: 1,
        backoff_ms_max: 5,
        ..Settings::default()
    }
}

fn tracker(folder: &TempDir, settings: &Settings) -> MigrationTracker {
    let path = folder.path().join("shards.redb");
    MigrationTracker::create_with(path, &Default::default(), settings).unwrap()
}

fn reopen(folder: &TempDir) -> MigrationTracker {
    MigrationTracker::open(folder.path().join("shards.redb")).unwrap()
}

fn options() -> ExecutorOptions {
    ExecutorOptions::new("tests").unwrap()
}

fn run(tracker: &MigrationTracker, mover: &FakeMover) -> RunReport {
    let report = Executor::run(tracker, mover, &options()).unwrap();
    assert_clean(tracker);
    report
}

fn assert_clean(tracker: &MigrationTracker) {
    let report = tracker.check().unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

fn begin(tracker: &MigrationTracker, shard: u64, from: u64, to: u64) -> MigrationId {
    tracker
        .begin_migration(ShardId(shard), NodeId(from), NodeId(to))
        .unwrap()
}

fn status(tracker: &MigrationTracker, id: MigrationId) -> Status {
    tracker.get_migration(id).unwrap().unwrap().status()
}

fn kinds(tracker: &MigrationTracker, id: MigrationId) -> Vec<EventKind> {
    let events = tracker.history(id).unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

/// Does something when the first notice of a kind comes.
struct When<F: Fn(&Notice<'_>) + Send + Sync>(F);

impl<F: Fn(&Notice<'_>) + Send + Sync> Observer for When<F> {
    fn notice(&self, notice: &Notice<'_>) {
        (self.0)(notice);
    }
}

#[test]
fn many_shards_move_and_leave_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let shards: Vec<(u64, u64)> = (0..40).map(|shard| (shard, shard % 3)).collect();
    let mover = FakeMover::with_shards(&shards);
    for (shard, node) in &shards {
        begin(&tracker, *shard, *node, (*node + 1) % 3);
    }
    let report = Executor::run(
        &tracker,
        &mover,
        &ExecutorOptions {
            workers: NonZeroUsize::new(4).unwrap(),
            ..options()
        },
    )
    .unwrap();
    assert_clean(&tracker);
    assert_eq!((report.completed, report.settled), (40, 40));
    assert_eq!(report.bytes, 40 * SHARD_BYTES as u64);
    assert!(report.unfinished.is_empty() && report.cleanups.is_empty());
    for (shard, node) in shards {
        assert_eq!(mover.serving(shard), vec![(node + 1) % 3]);
    }
    assert_eq!(mover.arriving(), 0);
}

#[test]
fn a_hiccup_is_tried_again_and_remembered() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("copy", 7, &[Trouble::Retriable, Trouble::Panic]);
    let id = begin(&tracker, 7, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.retried, report.failed), (1, 2, 0));
    let migration = tracker.get_migration(id).unwrap().unwrap();
    let reasons: Vec<&str> = migration
        .failures
        .iter()
        .map(|f| f.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "copy hiccup",
            "the mover panicked: copy panics as it was told to"
        ]
    );
    assert_eq!(migration.epoch.0, 3);
}

#[test]
fn a_migration_fails_after_its_last_attempt_and_its_copy_is_discarded() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1), (8, 1)]);
    mover.trouble("verify", 7, &[Trouble::Retriable; 3]);
    let id = begin(&tracker, 7, 1, 2);
    let neighbour = begin(&tracker, 8, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.failed), (1, 1));
    let State::Failed { reason, class, .. } = tracker.get_migration(id).unwrap().unwrap().state
    else {
        panic!("not failed");
    };
    assert_eq!(reason.as_str(), "verify hiccup");
    assert_eq!(class, FailureClass::Retriable);
    assert_eq!(status(&tracker, neighbour), Status::Complete);
    assert_eq!(mover.serving(7), [1]);
    assert_eq!(mover.arriving(), 0);
    assert!(report.cleanups.is_empty());
    assert!(!mover.is_fenced(7), "writes to the source go on");
}

#[test]
fn a_permanent_failure_is_not_tried_again() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("copy", 7, &[Trouble::Permanent]);
    let id = begin(&tracker, 7, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.failed, report.retried), (1, 0));
    assert_eq!(status(&tracker, id), Status::Failed);
    assert_eq!(mover.calls(7), ["copy", "discard_destination"]);
}

#[test]
fn an_unknown_outcome_is_never_taken_for_failed() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("verify", 7, &[Trouble::Unknown; 10]);
    let id = begin(&tracker, 7, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.retried), (1, 10));
    let migration = tracker.get_migration(id).unwrap().unwrap();
    assert_eq!(migration.failures.len(), 8, "the latest are remembered");
    assert_eq!(migration.failed_attempts, 10);
}

#[test]
fn copies_that_differ_are_made_again_from_scratch_a_bounded_number_of_times() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mut mover = FakeMover::with_shards(&[(7, 1)]);
    mover.source_keeps_changing = true;
    let id = begin(&tracker, 7, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.failed, report.retried), (0, 1, 2));
    let migration = tracker.get_migration(id).unwrap().unwrap();
    let State::Failed { reason, .. } = migration.state else {
        panic!("not failed");
    };
    assert!(reason.as_str().starts_with("the copies differ"), "{reason}");
    assert!(!mover.calls(7).contains(&"copy resumed"));
    assert_eq!(mover.serving(7), [1]);
}

#[test]
fn a_stopped_executor_lets_go_and_the_next_one_goes_on_from_the_checkpoint() {
    let folder = TempDir::new().unwrap();
    let first = tracker(&folder, &settings());
    let mut mover = FakeMover::with_shards(&[(7, 1)]);
    mover.byte_takes = Some(Duration::from_millis(1));
    let id = begin(&first, 7, 1, 2);
    let stop = StopToken::new();
    let observer = {
        let stop = stop.clone();
        When(move |notice| {
            if matches!(notice, Notice::Copied { bytes, .. } if *bytes >= 5) {
                stop.stop();
            }
        })
    };
    let stopped = ExecutorOptions {
        stop,
        observer: Arc::new(observer),
        ..options()
    };
    let report = Executor::run(&first, &mover, &stopped).unwrap();
    assert!(report.stopped);
    assert_eq!(report.unfinished.len(), 1);
    assert_eq!(report.unfinished[0].attempt, None, "it was let go");
    drop(first);

    let second = reopen(&folder);
    assert_clean(&second);
    let report = run(&second, &mover);
    assert_eq!(report.completed, 1);
    assert_eq!(mover.calls(7)[..3], ["copy", "copy", "copy resumed"]);
    assert!(kinds(&second, id).contains(&EventKind::AttemptReleased));
}

#[test]
fn a_cancelled_migration_stops_at_its_next_report_and_its_copy_is_discarded() {
    let folder = TempDir::new().unwrap();
    let tracker = Arc::new(tracker(&folder, &settings()));
    let mut mover = FakeMover::with_shards(&[(7, 1)]);
    mover.byte_takes = Some(Duration::from_millis(1));
    let id = begin(&tracker, 7, 1, 2);
    let observer = {
        let tracker = Arc::clone(&tracker);
        When(move |notice| {
            if matches!(notice, Notice::Copied { bytes: 5, .. }) {
                let outcome = tracker.cancel_migration(id, "wrong disk").unwrap();
                assert_eq!(outcome, CancelOutcome::Cancelling);
            }
        })
    };
    let watched = ExecutorOptions {
        observer: Arc::new(observer),
        ..options()
    };
    let report = Executor::run(&tracker, &mover, &watched).unwrap();
    assert_clean(&tracker);
    assert_eq!((report.cancelled, report.completed), (1, 0));
    let State::Cancelled { reason, .. } = tracker.get_migration(id).unwrap().unwrap().state else {
        panic!("not cancelled");
    };
    assert_eq!(reason.as_str(), "wrong disk");
    assert_eq!(mover.calls(7), ["copy", "discard_destination"]);
    assert_eq!(mover.arriving(), 0);
}

#[test]
fn limits_hold_for_all_workers_together() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(
        &folder,
        &Settings {
            in_flight_per_destination_max: Some(1),
            ..settings()
        },
    );
    let shards: Vec<(u64, u64)> = (0..8).map(|shard| (shard, 1)).collect();
    let mut mover = FakeMover::with_shards(&shards);
    mover.byte_takes = Some(Duration::from_micros(200));
    for (shard, _) in &shards {
        begin(&tracker, *shard, 1, 2);
    }
    let report = Executor::run(
        &tracker,
        &mover,
        &ExecutorOptions {
            workers: NonZeroUsize::new(4).unwrap(),
            ..options()
        },
    )
    .unwrap();
    assert_clean(&tracker);
    assert_eq!(report.completed, 8);
    assert_eq!(mover.most_at_once.load(Ordering::SeqCst), 1);
}

#[test]
fn writes_that_a_dead_process_stopped_go_on_first() {
    let folder = TempDir::new().unwrap();
    let first = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    let id = begin(&first, 7, 1, 2);
    let claim = first
        .claim(id, &ExecutorName::new("dead").unwrap())
        .unwrap();
    claim.fence().unwrap();
    drop(claim);
    drop(first);

    let second = reopen(&folder);
    let report = run(&second, &mover);
    assert_eq!(report.completed, 1);
    assert_eq!(mover.calls(7)[..2], ["unfence", "copy"]);
}

#[test]
fn a_cancellation_waits_until_writes_go_on() {
    let folder = TempDir::new().unwrap();
    let first = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    let id = begin(&first, 7, 1, 2);
    let claim = first
        .claim(id, &ExecutorName::new("dead").unwrap())
        .unwrap();
    claim.fence().unwrap();
    drop(claim);
    drop(first);

    let second = reopen(&folder);
    let outcome = second.cancel_migration(id, "no longer wanted").unwrap();
    assert_eq!(
        outcome,
        CancelOutcome::Cancelling,
        "writes are still stopped"
    );
    assert!(second.fail_migration(id, "give up").is_err());
    let report = run(&second, &mover);
    assert_eq!(report.cancelled, 1);
    assert_eq!(mover.calls(7), ["unfence", "discard_destination"]);
    assert_eq!(status(&second, id), Status::Cancelled);
}

#[test]
fn an_unfence_that_fails_keeps_the_migration_until_it_succeeds() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("verify", 7, &[Trouble::Permanent; 2]);
    mover.trouble("unfence", 7, &[Trouble::Retriable; 2]);
    let id = begin(&tracker, 7, 1, 2);
    run(&tracker, &mover);
    assert_eq!(status(&tracker, id), Status::Failed);
    assert!(!mover.is_fenced(7), "not failed before writes go on");
}

#[test]
fn the_source_copy_stays_for_the_grace_period_while_the_destination_serves() {
    let folder = TempDir::new().unwrap();
    let grace = Settings {
        cleanup_grace_ms: 3_600_000,
        ..settings()
    };
    let tracker = tracker(&folder, &grace);
    let mover = FakeMover::with_shards(&[(7, 1)]);
    begin(&tracker, 7, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.settled), (1, 0));
    assert_eq!(mover.serving(7), [1, 2]);
    assert_eq!(report.cleanups.len(), 1);
    assert!(report.cleanups[0].activated);
}

#[test]
fn a_source_copy_goes_also_when_the_shard_has_moved_on_meanwhile() {
    let folder = TempDir::new().unwrap();
    let grace = Settings {
        cleanup_grace_ms: 3_600_000,
        ..settings()
    };
    let tracker = tracker(&folder, &grace);
    let mover = FakeMover::with_shards(&[(7, 1)]);
    begin(&tracker, 7, 1, 2);
    run(&tracker, &mover);
    tracker.set_settings(&settings()).unwrap();
    begin(&tracker, 7, 2, 3);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.settled), (1, 1));
    assert_eq!(
        mover.serving(7),
        [1, 3],
        "the first copy is kept for its hour"
    );
    assert_eq!(report.cleanups.len(), 1);
    let back = tracker.begin_migration(ShardId(7), NodeId(3), NodeId(1));
    assert!(back.is_err(), "not onto a copy that has to go");
}

#[test]
fn a_cleanup_that_does_not_succeed_ends_the_run_and_is_tried_by_the_next() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("release_source", 7, &[Trouble::Retriable; 3]);
    begin(&tracker, 7, 1, 2);
    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.settled), (1, 0));
    assert_eq!(report.cleanups[0].failed_attempts, 3);
    let error = report.cleanups[0].last_error.clone().unwrap();
    assert_eq!(error.as_str(), "release_source hiccup");

    let report = run(&tracker, &mover);
    assert_eq!(report.settled, 1);
    assert_eq!(mover.serving(7), [2]);
}

#[test]
fn a_shard_is_not_moved_on_before_it_is_served() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("activate", 7, &[Trouble::Retriable; 3]);
    begin(&tracker, 7, 1, 2);
    run(&tracker, &mover);
    let onwards = begin(&tracker, 7, 2, 3);
    let refusal = tracker.claim(onwards, &ExecutorName::new("x").unwrap());
    assert!(matches!(
        refusal,
        Err(ClaimError::NotActivated {
            node: NodeId(2),
            ..
        })
    ));

    let report = run(&tracker, &mover);
    assert_eq!(report.completed, 1);
    assert_eq!(mover.serving(7), [3]);
}

#[test]
fn a_destination_that_stops_accepting_is_not_cut_over_to() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    for id in [1, 2] {
        let name = NodeName::new(format!("node-{id}")).unwrap();
        tracker.register_node(Node::new(NodeId(id), name)).unwrap();
    }
    let name = ShardName::new("orders").unwrap();
    tracker
        .register_shard(Shard::new(ShardId(7), name, NodeId(1)))
        .unwrap();
    let id = begin(&tracker, 7, 1, 2);
    let mut node = tracker.node(NodeId(2)).unwrap().unwrap();
    node.state = NodeState::Draining;
    tracker.update_node(node).unwrap();

    let report = run(&tracker, &mover);
    assert_eq!((report.completed, report.failed), (0, 1));
    assert_eq!(tracker.shard(ShardId(7)).unwrap().unwrap().owner, NodeId(1));
    assert_eq!(mover.serving(7), [1]);
    let State::Failed { reason, .. } = tracker.get_migration(id).unwrap().unwrap().state else {
        panic!("not failed");
    };
    assert!(reason.as_str().contains("Draining"), "{reason}");
    assert_eq!(
        mover.calls(7),
        ["discard_destination"],
        "nothing is copied in vain"
    );
}

#[test]
fn the_byte_limit_holds() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let throttled = Settings {
        bytes_per_second_max: Some(1),
        ..settings()
    };
    tracker.set_settings(&throttled).unwrap();
    assert_eq!(tracker.settings().unwrap().bytes_per_second_max, Some(1));
    let zero = Settings {
        bytes_per_second_max: Some(0),
        ..settings()
    };
    assert!(tracker.set_settings(&zero).is_err());
}

/// A mover that is silent in its copy until it is let go, and then as it was told.
struct Silent {
    inner: FakeMover,
    copying: std::sync::atomic::AtomicBool,
    go_on: std::sync::atomic::AtomicBool,
    /// What the copy then returns.
    by_itself: bool,
}

impl Silent {
    fn new(by_itself: bool) -> Self {
        Self {
            inner: FakeMover::with_shards(&[(7, 1)]),
            copying: Default::default(),
            go_on: Default::default(),
            by_itself,
        }
    }

    fn wait_for_a_copy(&self) {
        while !self.copying.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl ShardMover for Silent {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        if self.by_itself {
            return Err(Interrupted.into());
        }
        assert!(
            !self.copying.swap(true, Ordering::SeqCst),
            "copied twice at once"
        );
        while !self.go_on.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let copied = self.inner.copy(job, checkpoint, reporter);
        self.copying.store(false, Ordering::SeqCst);
        copied
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        self.inner.verify(job, reporter)
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.inner.activate(job)
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.inner.release_source(job)
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        assert!(
            !self.copying.load(Ordering::SeqCst),
            "discarded under a copy"
        );
        self.inner.discard_destination(job)
    }
}

/// A cancellation stopped the heartbeat, so that the lease of a silent mover ran out: the executor's
/// other worker took the migration over, ended it, and discarded the copy under the first one.
#[test]
fn a_silent_mover_keeps_its_migration_while_it_is_being_cancelled() {
    let folder = TempDir::new().unwrap();
    let short = Settings {
        lease_ms: 150,
        ..settings()
    };
    let tracker = tracker(&folder, &short);
    let mover = Silent::new(false);
    let id = begin(&tracker, 7, 1, 2);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| Executor::run(&tracker, &mover, &options()).unwrap());
        mover.wait_for_a_copy();
        let asked = tracker.cancel_migration(id, "no").unwrap();
        assert_eq!(asked, CancelOutcome::Cancelling);
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(
            status(&tracker, id),
            Status::InProgress,
            "four leases later"
        );
        mover.go_on.store(true, Ordering::SeqCst);
        let report = run.join().unwrap();
        assert_eq!((report.cancelled, report.settled), (1, 1));
    });
    assert_clean(&tracker);
}

/// Signs of life came as often as the lease at the start of the run asked for. When somebody made leases
/// shorter meanwhile, each ran out before the next sign.
#[test]
fn a_lease_that_is_made_shorter_is_renewed_as_often_as_it_needs() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = Silent::new(false);
    let id = begin(&tracker, 7, 1, 2);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| Executor::run(&tracker, &mover, &options()).unwrap());
        mover.wait_for_a_copy();
        let short = Settings {
            lease_ms: 3_000,
            ..settings()
        };
        tracker.set_settings(&short).unwrap();
        let until_ms = || {
            let migration = tracker.get_migration(id).unwrap().unwrap();
            migration.attempt.unwrap().lease_until_ms
        };
        // The first renewal makes it short, the second comes in time.
        let (mut renewals, mut last) = (0, until_ms());
        while renewals < 2 {
            std::thread::sleep(Duration::from_millis(1));
            let (now, until) = (tracker.now(), until_ms());
            if until <= now {
                break;
            }
            renewals += i32::from(until != last);
            last = until;
        }
        mover.go_on.store(true, Ordering::SeqCst);
        run.join().unwrap();
        assert_eq!(renewals, 2, "it ran out");
    });
    assert_clean(&tracker);
}

/// It was let go without a wait and claimed again at once, for ever.
#[test]
fn a_mover_that_stops_by_itself_has_failed() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let id = begin(&tracker, 7, 1, 2);
    let report = Executor::run(&tracker, &Silent::new(true), &options()).unwrap();
    assert_eq!((report.failed, report.retried), (1, 2));
    assert_eq!(status(&tracker, id), Status::Failed);
}

/// The worker died with the migration in hand: the others waited for it for ever.
#[test]
fn an_observer_that_panics_does_not_hang_the_run() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    begin(&tracker, 7, 1, 2);
    let once = std::sync::atomic::AtomicBool::new(false);
    let watched = ExecutorOptions {
        observer: Arc::new(When(move |_: &Notice<'_>| {
            assert!(
                once.swap(true, Ordering::SeqCst),
                "the observer panics once"
            );
        })),
        ..options()
    };
    let report = Executor::run(&tracker, &mover, &watched).unwrap();
    assert_eq!(report.completed, 1);
    assert_clean(&tracker);
}

/// A migration that waits for a node kept the slot of its dead executor, and everybody else waited
/// with it.
#[test]
fn what_waits_holds_no_slot() {
    let folder = TempDir::new().unwrap();
    let one = Settings {
        in_flight_max: Some(1),
        ..settings()
    };
    let first = tracker(&folder, &one);
    let mover = FakeMover::with_shards(&[(7, 1), (8, 1)]);
    for id in [1, 2, 3] {
        let name = NodeName::new(format!("node-{id}")).unwrap();
        first.register_node(Node::new(NodeId(id), name)).unwrap();
    }
    let stuck = begin(&first, 7, 1, 3);
    first
        .claim(stuck, &ExecutorName::new("dead").unwrap())
        .unwrap();
    let healthy = begin(&first, 8, 1, 2);
    drop(first);

    let second = reopen(&folder);
    let mut node = second.node(NodeId(3)).unwrap().unwrap();
    node.state = NodeState::Down;
    second.update_node(node.clone()).unwrap();
    let report = run(&second, &mover);
    assert_eq!((report.completed, report.unfinished.len()), (1, 1));
    assert_eq!(status(&second, healthy), Status::Complete);
    node.state = NodeState::Active;
    second.update_node(node).unwrap();
    assert_eq!(run(&second, &mover).completed, 1);
}

/// The list of cleanups was read once, and an entry of it acted on long after somebody had settled
/// it and moved the shard back: the executor released the owner's copy.
#[test]
fn a_cleanup_that_was_settled_meanwhile_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let tracker = Arc::new(tracker(&folder, &settings()));
    let mover = FakeMover::with_shards(&[(1, 1), (2, 1)]);
    for shard in [1, 2] {
        let id = begin(&tracker, shard, 1, 2);
        let claim = tracker
            .claim(id, &ExecutorName::new("dead").unwrap())
            .unwrap();
        claim.begin_verification().unwrap();
        let side = shardferry::schema::v1::Side {
            items: 0,
            bytes: 0,
            digest: shardferry::schema::text::Digest::new([]).unwrap(),
        };
        let algorithm = shardferry::schema::text::Algorithm::new("none").unwrap();
        claim
            .submit_evidence(algorithm, side.clone(), side)
            .unwrap();
        claim.complete().unwrap();
    }
    mover.arrive(&[(1, 2), (2, 2)]);
    let observer = {
        let tracker = Arc::clone(&tracker);
        When(move |notice| {
            if matches!(notice, Notice::Settled { cleanup } if cleanup.shard == ShardId(1)) {
                tracker.settle_cleanup(NodeId(1), ShardId(2)).unwrap();
            }
        })
    };
    let watched = ExecutorOptions {
        workers: NonZeroUsize::MIN,
        observer: Arc::new(observer),
        ..options()
    };
    Executor::run(&tracker, &mover, &watched).unwrap();
    assert_eq!(mover.calls(1), ["activate", "release_source"]);
    assert!(mover.calls(2).is_empty(), "{:?}", mover.calls(2));
}

/// Damages the entry of the ledger that shard 7 left on node 1, and gives it up.
fn lose_the_entry(folder: &TempDir) -> MigrationTracker {
    let key = (NodeId(1), ShardId(7)).to_bytes();
    let planter = Planter::open(&folder.path().join("shards.redb"));
    planter.put_raw(TableId::Cleanups, &key, b"SF damaged row");
    drop(planter);
    let tracker = reopen(folder);
    tracker.repair(&RepairOptions::default()).unwrap();
    tracker
        .forgive_set_aside(TableId::Cleanups, &key, "lost")
        .unwrap();
    assert_clean(&tracker);
    tracker
}

/// Cut over, and then a crash; the entry that asks for the destination to serve was lost and given
/// up. The next run served the shard nowhere, and a migration onwards copied what was not there.
#[test]
fn what_was_cut_over_is_served_also_after_its_entry_was_given_up() {
    let folder = TempDir::new().unwrap();
    let of_a_library = Settings {
        verification: Verification::Optional,
        ..settings()
    };
    let file = tracker(&folder, &of_a_library);
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.arrive(&[(7, 2)]);
    let id = begin(&file, 7, 1, 2);
    file.start_migration(id).unwrap();
    file.complete_migration(id).unwrap();
    let onwards = begin(&file, 7, 2, 3);
    drop(file);

    let file = lose_the_entry(&folder);
    let refused = file.claim(onwards, &ExecutorName::new("tests").unwrap());
    assert!(matches!(refused, Err(ClaimError::NotActivated { .. })));
    let report = run(&file, &mover);
    assert_eq!(report.completed, 1);
    assert!(kinds(&file, id).contains(&EventKind::Activated));
    assert_eq!(mover.serving(7), [3]);
}

/// The destination serves: what is left is to be removed by hand, and nothing is done twice.
#[test]
fn an_entry_that_only_waits_for_its_grace_period_is_given_up() {
    let folder = TempDir::new().unwrap();
    let patient = Settings {
        cleanup_grace_ms: 3_600_000,
        ..settings()
    };
    let file = tracker(&folder, &patient);
    let mover = FakeMover::with_shards(&[(7, 1)]);
    let id = begin(&file, 7, 1, 2);
    run(&file, &mover);
    drop(file);
    let file = lose_the_entry(&folder);
    assert_eq!(file.cleanups().unwrap(), []);
    let last = kinds(&file, id).pop().unwrap();
    assert_eq!(last, EventKind::CleanupForgiven { node: NodeId(1) });
}

/// In its grace period the shard moved on, and the node where it went did not come up. The old copy was
/// released all the same, with the word that the destination serves: a mover that looks found that it did
/// not.
#[test]
fn an_old_copy_stays_until_the_newest_owner_serves() {
    let folder = TempDir::new().unwrap();
    let graceful = Settings {
        cleanup_grace_ms: 3_600_000,
        ..settings()
    };
    let tracker = tracker(&folder, &graceful);
    let mover = FakeMover::with_shards(&[(7, 1)]);
    begin(&tracker, 7, 1, 2);
    run(&tracker, &mover);
    begin(&tracker, 7, 2, 3);
    mover.trouble("activate", 7, &[Trouble::Retriable; 6]);
    run(&tracker, &mover);
    tracker.hurry_cleanups(None, "the disk is full").unwrap();
    let report = run(&tracker, &mover);
    assert_eq!(report.cleanups.len(), 2);
    assert!(!mover.calls(7).contains(&"release_source"));
    let first = tracker.cleanup(NodeId(1), ShardId(7)).unwrap().unwrap();
    let why = first.last_error.unwrap();
    assert!(why.as_str().contains("node 3 does not serve yet"), "{why}");

    tracker.hurry_cleanups(None, "at once").unwrap();
    let report = run(&tracker, &mover);
    assert_eq!((report.settled, report.cleanups.len()), (2, 0));
    assert_eq!(mover.serving(7), [3]);
}
