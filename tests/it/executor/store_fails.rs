//! The file fails in the middle of a run.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use shardferry::executor::{
    Executor, ExecutorOptions, Job, MoverError, Proof, Reporter, ShardMover,
};
use shardferry::schema::v1::SavedCheckpoint;
use shardferry::store::StoreError;
use shardferry::testkit::{Call, Fault, FaultyDisk, Trouble};
use shardferry::{MigrationTracker, Settings, ShardId, Status};

use super::mover::FakeMover;
use super::{assert_clean, begin, options, settings, status};

const FILE: &str = "shards.redb";

/// Breaks the disk when a copy is compared.
struct Breaking<'a> {
    mover: &'a FakeMover,
    disk: &'a FaultyDisk,
    at_verify: Mutex<Option<Fault>>,
}

impl ShardMover for Breaking<'_> {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        self.mover.copy(job, checkpoint, reporter)
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.fence(job)
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.unfence(job)
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        if let Some(fault) = self.at_verify.lock().unwrap().take() {
            self.disk.inject(fault);
        }
        self.mover.verify(job, reporter)
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.activate(job)
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.release_source(job)
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.mover.discard_destination(job)
    }
}

/// As the other tests; progress never waits for the disk, so that syncs can be counted.
fn create(disk: &FaultyDisk) -> MigrationTracker {
    let settings = Settings {
        progress_lag_ms_max: u64::MAX,
        ..settings()
    };
    disk.create(FILE, &Default::default(), &settings).unwrap()
}

fn reopen(disk: &FaultyDisk) -> MigrationTracker {
    disk.repair();
    disk.open(FILE, &Default::default()).unwrap()
}

/// Whether the cutover happened is not known. If writes to the source were let go on, they would be
/// lost where it did: they stay stopped, until somebody has looked.
#[test]
fn after_a_cutover_whose_commit_failed_writes_stay_stopped_until_somebody_looked() {
    for (trouble, durable) in [(Trouble::Io, true), (Trouble::LostSync, false)] {
        let disk = FaultyDisk::new();
        let tracker = create(&disk);
        let mover = FakeMover::with_shards(&[(7, 1)]);
        let id = begin(&tracker, 7, 1, 2);
        // After the comparison: the evidence, then the cutover.
        let breaking = Breaking {
            mover: &mover,
            disk: &disk,
            at_verify: Mutex::new(Some(Fault {
                call: Call::Sync,
                nth: 2,
                trouble,
                forever: false,
            })),
        };
        let error = Executor::run(&tracker, &breaking, &options()).unwrap_err();
        assert!(
            matches!(error, StoreError::CommitUnknown { .. }),
            "{error:?}"
        );
        assert!(error.needs_reopen() && tracker.needs_reopen());
        assert!(mover.is_fenced(7), "writes go on, and may be lost");
        assert_eq!(mover.calls(7), ["copy", "fence", "verify"]);
        drop(tracker);

        let tracker = reopen(&disk);
        let migration = tracker.get_migration(id).unwrap().unwrap();
        if durable {
            assert_eq!(migration.status(), Status::Complete);
        } else {
            assert_eq!(migration.status(), Status::Verifying);
            assert!(
                migration.fenced_at_ms.is_some(),
                "nobody would let them go on"
            );
        }
        Executor::run(&tracker, &mover, &options()).unwrap();
        assert_clean(&tracker);
        assert_eq!(status(&tracker, id), Status::Complete);
        assert_eq!(mover.serving(7), [2]);
        let next = mover.calls(7)[3];
        assert_eq!(next, if durable { "activate" } else { "unfence" });
    }
}

/// Wherever the file fails: the run ends with what failed first, and the next run finishes.
#[test]
fn a_file_that_fails_anywhere_ends_the_run_and_the_next_one_finishes() {
    let shards = [(1, 1), (2, 2), (3, 1)];
    let mut ended = 0;
    for nth in 1.. {
        let disk = FaultyDisk::new();
        let tracker = create(&disk);
        let mover = FakeMover::with_shards(&shards);
        let ids = shards.map(|(shard, node)| begin(&tracker, shard, node, 3));
        disk.inject(Fault {
            call: Call::Sync,
            nth,
            trouble: Trouble::LostSync,
            forever: nth % 2 == 0,
        });
        let two = ExecutorOptions {
            workers: NonZeroUsize::new(2).unwrap(),
            ..options()
        };
        let done = Executor::run(&tracker, &mover, &two);
        if disk.failures() == 0 {
            done.unwrap();
            break;
        }
        ended += 1;
        let error = done.unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::CommitUnknown { .. } | StoreError::Storage { .. }
            ),
            "what failed first, not what it made of the handle: {error:?}"
        );
        assert!(tracker.needs_reopen());
        drop(tracker);
        let tracker = reopen(&disk);
        assert_clean(&tracker);
        let report = Executor::run(&tracker, &mover, &two).unwrap();
        assert!(report.unfinished.is_empty() && report.cleanups.is_empty());
        for (id, (shard, _)) in ids.into_iter().zip(shards) {
            assert_eq!(status(&tracker, id), Status::Complete, "fault at {nth}");
            assert_eq!(mover.serving(shard), [3]);
            assert!(!tracker.is_shard_migrating(ShardId(shard)).unwrap());
        }
        assert_eq!(mover.arriving(), 0);
        assert_clean(&tracker);
    }
    eprintln!("the run ended at {ended} syncs");
    assert!(ended >= 15, "only {ended} syncs failed");
}
