use std::sync::Arc;

use shardferry::store::{Durability, OpenOptions};
use shardferry::testkit::SimDisk;
use shardferry::tracker::{BeginError, BeginRequest};
use shardferry::{MigrationId, MigrationTracker, Settings, ShardId};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::thread;

use crate::history::record;
use crate::order::is_linearizable;
use crate::schedules::explore;
use crate::settled::{look, settled};
use crate::subject::Subject;
use crate::support::{A, B, C, worker};

const SHARDS: [ShardId; 2] = [ShardId(1), ShardId(2)];

fn open(disk: &SimDisk) -> MigrationTracker {
    disk.open(&OpenOptions::default()).unwrap()
}

fn open_with_a_log(disk: &SimDisk) -> MigrationTracker {
    let options = OpenOptions {
        durability: Durability::WriteAhead,
        wal_bytes: 64 * 1024,
        ..OpenOptions::default()
    };
    disk.open(&options).unwrap()
}

fn settings() -> Settings {
    Settings {
        // Only `flush` and what is durable brings lazy commits to the disk, however slow a schedule is.
        progress_lag_ms_max: 600_000,
        ..Settings::default()
    }
}

/// Whether this begin won each shard, and which migration it was told.
fn begin_each(tracker: &MigrationTracker) -> [(bool, MigrationId); 2] {
    SHARDS.map(|shard| match tracker.begin_migration(shard, A, B) {
        Ok(id) => (true, id),
        Err(BeginError::AlreadyMigrating { migration, .. }) => (false, migration),
        Err(error) => panic!("{error}"),
    })
}

/// Everybody begins the same shards: of each, one begin wins, and the others are told which.
#[test]
fn one_begin_wins_each_shard() {
    explore("begins", &settings(), |disk| {
        let tracker = open(disk);
        let told = thread::scope(|scope| {
            scope.spawn(|| look(&tracker, 2));
            let callers = [(); 3].map(|()| scope.spawn(|| begin_each(&tracker)));
            callers.map(|caller| caller.join().unwrap())
        });
        let image = settled(disk, &tracker);
        for (at, shard) in SHARDS.iter().enumerate() {
            let winners = told.iter().filter(|told| told[at].0).count();
            assert_eq!(winners, 1, "of {shard}");
            let active = image.active_shards[shard].migration;
            assert!(
                told.iter().all(|told| told[at].1 == active),
                "not told the winner"
            );
        }
        assert_eq!(image.migrations.len(), SHARDS.len());
    });
}

/// Callers do what comes (begin, claim, report, complete, release, cancel, settle, read): all that they
/// are told could have been told one after the other.
#[test]
fn every_history_has_an_order() {
    explore("histories", &settings(), |disk| {
        let tracker = Arc::new(open(disk));
        // A part of the schedule, so that replaying it draws the same.
        let seed = u64::from(thread_rng().r#gen::<u32>());
        // No scope around it: shuttle 0.8 wakes one that waits for the threads of a scope inside.
        let reader = Arc::clone(&tracker);
        let reader = thread::spawn(move || look(&reader, 3));
        let histories = record(&Subject::new(&tracker, None), seed);
        reader.join().unwrap();
        settled(disk, &tracker);
        for history in histories {
            assert!(is_linearizable(&history), "no order: {history:#?}");
        }
    });
}

/// One reports, which waits for no disk, while others begin, which brings its reports to the disk, by a
/// commit that is shared and by one that is not, and flush: what came before a flush is on the disk after it.
#[test]
fn what_is_flushed_is_on_the_disk() {
    explore("flushes", &settings(), |disk| flush(disk, &open(disk)));
}

#[test]
fn what_is_flushed_is_in_the_log() {
    explore("flushes into a log", &settings(), |disk| {
        flush(disk, &open_with_a_log(disk));
    });
}

fn flush(disk: &SimDisk, tracker: &MigrationTracker) {
    let id = tracker.begin_migration(ShardId(9), B, C).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for bytes in 1..=3 {
                claim.report(bytes, None, None).unwrap();
            }
        });
        scope.spawn(|| begin_each(tracker));
        scope.spawn(|| {
            tracker
                .begin_plan(&[BeginRequest::new(ShardId(8), B, C)])
                .unwrap()
        });
        scope.spawn(|| {
            tracker.flush().unwrap();
            look(tracker, 1);
        });
    });
    let image = settled(disk, tracker);
    assert_eq!(image.migrations[&id].progress.bytes_migrated, 3);
}
