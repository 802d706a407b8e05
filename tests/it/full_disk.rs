//! The reserve that `begin` keeps free, and the ballast: on a disk that says how much is free, and
//! on one that is really full.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use shardferry::store::{OpenOptions, ballast_path};
use shardferry::testkit::FaultyDisk;
use shardferry::tracker::{BeginError, BeginPlanError, BeginRequest, TransitionError};
use shardferry::{MigrationTracker, Settings, ShardId, Status};

use crate::support::{A, B, clean, request, worker};

const MIB: u64 = 1 << 20;

fn reserve(free_bytes_min: u64) -> Settings {
    Settings {
        free_bytes_min,
        ..Settings::default()
    }
}

/// Below the reserve nothing begins; everything else is done, and a request that began is repeated.
#[test]
fn below_the_reserve_nothing_begins_and_everything_else_goes_on() {
    let disk = FaultyDisk::new();
    let options = OpenOptions::default();
    let tracker = disk.create("shards.redb", &options, &reserve(MIB)).unwrap();
    // Nobody knows how much is free: nothing is refused.
    let early = tracker.begin(&request(ShardId(1), A, B, "early")).unwrap();
    disk.set_free_bytes(Some(MIB));
    let other = tracker.begin_migration(ShardId(2), A, B).unwrap();
    disk.set_free_bytes(Some(MIB - 1));
    let refused = tracker.begin_migration(ShardId(3), A, B).unwrap_err();
    let text = refused.to_string();
    assert!(
        matches!(refused, BeginError::LowSpace { shard, free_bytes, free_bytes_min }
            if shard == ShardId(3) && free_bytes == MIB - 1 && free_bytes_min == MIB)
    );
    assert_eq!(
        text,
        "shard 3: 1048575 bytes are free on the file system of the database, and 1048576 are kept \
         free for what is under way; make room, or lower free_bytes_min"
    );
    let plan = [BeginRequest::new(ShardId(3), A, B)];
    assert!(matches!(
        tracker.begin_plan(&plan),
        Err(BeginPlanError::Move {
            at: 0,
            source: BeginError::LowSpace { .. }
        })
    ));
    assert_eq!(
        tracker.begin(&request(ShardId(1), A, B, "early")).unwrap(),
        early
    );
    let claim = tracker.claim(early, &worker()).unwrap();
    claim.report(1, Some(1), None).unwrap();
    claim.complete().unwrap();
    tracker.settle_cleanup(A, ShardId(1)).unwrap();
    tracker.cancel_migration(other, "not wanted").unwrap();
    let room = tracker.room();
    assert_eq!((room.free_bytes, room.free_bytes_min), (Some(MIB - 1), MIB));
    // Lowering it is a way out, at once and after a restart.
    tracker.set_settings(&reserve(1000)).unwrap();
    tracker.begin_migration(ShardId(3), A, B).unwrap();
    tracker.set_settings(&reserve(2 * MIB)).unwrap();
    drop(tracker);
    let tracker = disk.open("shards.redb", &options).unwrap();
    assert!(matches!(
        tracker.begin_migration(ShardId(4), A, B),
        Err(BeginError::LowSpace { .. })
    ));
    clean(&tracker);
}

/// A file system of its own, where the machine lets us mount one.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(folder.path())
            .output();
        match done {
            Ok(done) if done.status.success() => Some(Self(folder)),
            other => {
                eprintln!("skipped: no file system can be mounted here: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("shards.redb")
    }

    /// Takes all that is free.
    fn fill(&self) {
        use std::io::Write as _;
        let mut filler = fs::File::create(self.0.path().join("filler")).unwrap();
        while filler.write(&[7; 4096]).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn with_ballast(ballast_bytes: u64) -> OpenOptions {
    OpenOptions {
        ballast_bytes,
        ..OpenOptions::default()
    }
}

const MIGRATIONS: u64 = 120;

/// Ends what is under way, opening again where the handle says so, as often as `tries` allow; how
/// many did not end.
fn end_all(place: &Mount, options: &OpenOptions, tries: usize) -> (usize, usize) {
    let mut reopened = 0;
    let mut left = usize::MAX;
    for _ in 0..tries {
        let Ok(tracker) = MigrationTracker::open_with(place.path(), options) else {
            reopened += 1;
            continue;
        };
        for (at, migration) in tracker.unfinished().unwrap().iter().enumerate() {
            let ended = match at % 3 {
                0 => tracker.complete_migration(migration.id).map(drop),
                1 => tracker
                    .fail_migration(migration.id, "the disk is full")
                    .map(drop),
                _ => tracker
                    .cancel_migration(migration.id, "the disk is full")
                    .map(drop),
            };
            match ended {
                Ok(()) => {}
                Err(TransitionError::Store(error)) => {
                    assert!(error.is_disk_full(), "{error:?}");
                    assert!(error.needs_reopen() && tracker.needs_reopen());
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        if !tracker.needs_reopen() {
            return (0, reopened);
        }
        reopened += 1;
        drop(tracker);
        if let Ok(tracker) = MigrationTracker::open_with(place.path(), options) {
            left = tracker.unfinished().unwrap().len();
        }
    }
    (left, reopened)
}

fn filled_up(options: &OpenOptions) -> Option<Mount> {
    let place = Mount::new(16 * MIB)?;
    let settings = reserve(MIB / 2);
    let tracker = MigrationTracker::create_with(place.path(), options, &settings).unwrap();
    for shard in 0..MIGRATIONS {
        let id = tracker.begin_migration(ShardId(shard), A, B).unwrap();
        tracker.start_migration(id).unwrap();
    }
    place.fill();
    let refused = tracker.begin_migration(ShardId(999), A, B).unwrap_err();
    assert!(matches!(
        refused,
        BeginError::LowSpace { free_bytes: 0, .. }
    ));
    Some(place)
}

/// With a ballast, everything under way can be recorded on a file system without one free byte.
#[test]
fn on_a_full_disk_the_ballast_lets_what_is_under_way_be_recorded() {
    let options = with_ballast(2 * MIB);
    let Some(place) = filled_up(&options) else {
        return;
    };
    let ballast = ballast_path(&place.path());
    assert_eq!(fs::metadata(&ballast).unwrap().len(), 2 * MIB);
    let (left, reopened) = end_all(&place, &options, 3);
    eprintln!("with a ballast: {left} of {MIGRATIONS} left, {reopened} times reopened");
    assert_eq!(left, 0);
    assert!(!ballast.exists(), "it was needed, so it is gone");
    assert_eq!(reopened, 1, "the failed commit that gave it up");
    let tracker = MigrationTracker::open_with(place.path(), &options).unwrap();
    let image = clean(&tracker);
    assert!(
        image
            .migrations
            .values()
            .all(|row| row.status().is_terminal())
    );
    assert_eq!(tracker.room().ballast_bytes, 0);
    // More is free than the reserve, but it is the room of the ballast.
    assert!(tracker.room().free_bytes > Some(MIB / 2));
    let refused = tracker.begin_migration(ShardId(999), A, B).unwrap_err();
    assert!(
        matches!(refused, BeginError::LowSpace { .. }),
        "{refused:?}"
    );
    // When there is room again, it is made again by the same handle.
    place.make_room();
    tracker.begin_migration(ShardId(999), A, B).unwrap();
    assert_eq!(tracker.room().ballast_bytes, 2 * MIB);
    assert_eq!(tracker.room().ballast_bytes_wanted, 2 * MIB);
}

/// Without one, they cannot; nothing is lost, and they can when there is room.
#[test]
fn on_a_full_disk_without_a_ballast_nothing_is_recorded_and_nothing_lost() {
    let options = with_ballast(0);
    let Some(place) = filled_up(&options) else {
        return;
    };
    let (left, _) = end_all(&place, &options, 3);
    eprintln!("without a ballast: {left} of {MIGRATIONS} left");
    assert!(left > 0, "a ballast would not be needed");
    place.make_room();
    assert_eq!(end_all(&place, &options, 1), (0, 0));
    let tracker = MigrationTracker::open_with(place.path(), &options).unwrap();
    let image = clean(&tracker);
    assert_eq!(image.migrations.len() as u64, MIGRATIONS);
    assert!(
        image
            .migrations
            .values()
            .all(|row| row.status() != Status::Pending)
    );
}

/// Creation on a full disk: a typed error, and nothing is left; with room it succeeds.
#[test]
fn creation_on_a_full_disk_leaves_nothing() {
    let Some(place) = Mount::new(MIB) else {
        return;
    };
    place.fill();
    let error = MigrationTracker::create(place.path()).unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    let names = fs::read_dir(place.0.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["filler"]);
    place.make_room();
    let big = with_ballast(64 * MIB);
    let tracker = MigrationTracker::create_with(place.path(), &big, &Settings::default()).unwrap();
    let room = tracker.room();
    assert_eq!(
        (room.ballast_bytes, room.ballast_bytes_wanted),
        (0, 64 * MIB),
        "no room for it is no reason not to work"
    );
    tracker.begin_migration(ShardId(1), A, B).unwrap();
    clean(&tracker);
}
