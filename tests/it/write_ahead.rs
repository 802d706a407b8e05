//! The write-ahead log: what it keeps, when it is needed, and what happens where it is not what it
//! should be.

use std::fs;
use std::path::{Path, PathBuf};

use shardferry::store::{Durability, OpenError, OpenOptions, wal_path};
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, Settings, ShardId};

use crate::support::{A, B, Place, clean};

/// Bytes of a page of the log.
const PAGE: usize = 4096;

fn ahead() -> OpenOptions {
    OpenOptions {
        durability: Durability::WriteAhead,
        wal_bytes: 256 * 1024,
        ..OpenOptions::default()
    }
}

fn with(durability: Durability) -> OpenOptions {
    OpenOptions {
        durability,
        ..ahead()
    }
}

fn begin(tracker: &MigrationTracker, shards: std::ops::Range<u64>) {
    for shard in shards {
        tracker.begin_migration(ShardId(shard), A, B).unwrap();
    }
}

/// What a crash leaves of a file with 20 migrations, ten of them begun before the file was last closed, and
/// what it held.
fn crashed(place: &Place) -> (PathBuf, Image) {
    let open = place.path();
    begin(&place.create(), 0..10);
    let tracker = MigrationTracker::open_with(&open, &ahead()).unwrap();
    begin(&tracker, 10..20);
    let image = clean(&tracker);
    let left = place.folder().join("left.redb");
    fs::copy(&open, &left).unwrap();
    fs::copy(wal_path(&open), wal_path(&left)).unwrap();
    (left, image)
}

/// Opening is refused because of the log, and changes neither file.
#[track_caller]
fn refused(path: &Path, options: &OpenOptions) -> String {
    let before = (fs::read(path).unwrap(), fs::read(wal_path(path)).ok());
    let error = MigrationTracker::open_with(path, options).unwrap_err();
    assert!(
        matches!(error, OpenError::WriteAheadLog { .. }),
        "{error:?}"
    );
    let after = (fs::read(path).unwrap(), fs::read(wal_path(path)).ok());
    assert!(before == after, "it changed: {error}");
    let text = error.to_string();
    assert!(
        text.contains(&wal_path(path).display().to_string()),
        "{text}"
    );
    text
}

/// Which shards are migrating, of the first 20.
fn shards(tracker: &MigrationTracker) -> Vec<u64> {
    let is_there = |shard: &u64| tracker.is_shard_migrating(ShardId(*shard)).unwrap();
    (0..20).filter(is_there).collect()
}

#[test]
fn whoever_opens_after_a_crash_has_what_the_log_had() {
    for durability in [
        Durability::WriteAhead,
        Durability::Standard,
        Durability::FastRestart,
    ] {
        let place = Place::new();
        let (left, image) = crashed(&place);
        let options = with(durability);
        let tracker = MigrationTracker::open_with(&left, &options).unwrap();
        assert_eq!(clean(&tracker), image, "{durability:?}");
        let has_log = wal_path(&left).exists();
        assert_eq!(has_log, durability == Durability::WriteAhead);
        begin(&tracker, 30..31);
        drop(tracker);
        assert!(!wal_path(&left).exists());
        let again = MigrationTracker::open(&left).unwrap();
        assert_eq!(again.unfinished().unwrap().len(), 21);
    }
}

/// A crash after each of many operations, over several laps of the log: also after one that fills it, after
/// one that is larger than it, and where an open goes on with the log of the one before.
#[test]
fn every_lap_is_there_after_a_crash() {
    let place = Place::new();
    let options = OpenOptions {
        wal_bytes: 64 * 1024,
        ..ahead()
    };
    let (open, left) = (place.path(), place.folder().join("left.redb"));
    let tracker = MigrationTracker::create_with(&open, &options, &Settings::default());
    let mut tracker = tracker.unwrap();
    for round in 0..60 {
        if round == 25 {
            let plan: Vec<_> = (1_000..1_200)
                .map(|shard| shardferry::tracker::BeginRequest::new(ShardId(shard), A, B))
                .collect();
            tracker.begin_plan(&plan).unwrap();
        }
        begin(&tracker, round..round + 1);
        // Not durable by itself: it comes along with the next that is.
        let active = tracker.active_migration(ShardId(round)).unwrap().unwrap();
        tracker.start_migration(active.id).unwrap();
        tracker.update_progress(active.id, round, 100).unwrap();
        tracker.begin_verification(active.id).unwrap();
        let image = clean(&tracker);
        fs::copy(&open, &left).unwrap();
        fs::copy(wal_path(&open), wal_path(&left)).unwrap();
        let found = MigrationTracker::open_with(&left, &options).unwrap();
        assert_eq!(clean(&found), image, "round {round}");
        drop(found);
        if round % 10 == 9 {
            // Somebody goes on where a crash left it, with the same log.
            fs::copy(&open, &left).unwrap();
            fs::copy(wal_path(&open), wal_path(&left)).unwrap();
            drop(tracker);
            fs::rename(&left, &open).unwrap();
            fs::rename(wal_path(&left), wal_path(&open)).unwrap();
            tracker = MigrationTracker::open_with(&open, &options).unwrap();
            assert_eq!(clean(&tracker), image, "round {round}, reopened");
        }
    }
}

#[test]
fn a_file_that_was_closed_needs_no_log() {
    let place = Place::new();
    let tracker = MigrationTracker::create_with(place.path(), &ahead(), &Settings::default());
    let tracker = tracker.unwrap();
    begin(&tracker, 0..3);
    assert!(wal_path(&place.path()).exists());
    let image = clean(&tracker);
    drop(tracker);
    assert_eq!(place.names(), ["shards.redb"]);
    let tracker = MigrationTracker::open_with(place.path(), &ahead()).unwrap();
    assert_eq!(clean(&tracker), image);
    let backup = place.folder().join("backup.redb");
    tracker.backup(&backup).unwrap();
    assert!(!wal_path(&backup).exists());
    assert_eq!(clean(&MigrationTracker::open(&backup).unwrap()), image);
}

#[test]
fn without_its_log_a_file_is_refused_or_opened_without_what_the_log_had() {
    for durability in [Durability::Standard, Durability::WriteAhead] {
        let place = Place::new();
        let (left, _) = crashed(&place);
        fs::remove_file(wal_path(&left)).unwrap();
        let options = with(durability);
        let text = refused(&left, &options);
        assert!(text.contains("is not there"), "{text}");
        let tracker = MigrationTracker::open_with(
            &left,
            &OpenOptions {
                abandon_wal: true,
                ..options
            },
        );
        let tracker = tracker.unwrap();
        assert_eq!(shards(&tracker), (0..10).collect::<Vec<_>>());
        clean(&tracker);
        drop(tracker);
        // Once is enough.
        drop(MigrationTracker::open(&left).unwrap());
    }
}

#[test]
fn the_log_of_another_file_or_of_another_time_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    let (left, image) = crashed(&place);
    let (foreign, _) = crashed(&other);
    let own = fs::read(wal_path(&left)).unwrap();
    fs::copy(wal_path(&foreign), wal_path(&left)).unwrap();
    let text = refused(&left, &OpenOptions::default());
    assert!(text.contains("another database"), "{text}");
    // Something else altogether, which is not touched.
    fs::write(wal_path(&left), "the only copy of something").unwrap();
    let text = refused(&left, &OpenOptions::default());
    assert!(text.contains("not a log"), "{text}");
    // With its own it opens.
    fs::write(wal_path(&left), own).unwrap();
    assert_eq!(clean(&MigrationTracker::open(&left).unwrap()), image);
}

/// An older copy of the database beside a newer log: frames are missing between the two.
#[test]
fn a_database_that_is_older_than_its_log_is_refused() {
    let place = Place::new();
    let open = place.path();
    let tracker = MigrationTracker::create_with(&open, &ahead(), &Settings::default());
    let tracker = tracker.unwrap();
    let left = place.folder().join("left.redb");
    fs::copy(&open, &left).unwrap();
    // The log begins anew.
    begin(&tracker, 0..200);
    fs::copy(wal_path(&open), wal_path(&left)).unwrap();
    let text = refused(&left, &OpenOptions::default());
    assert!(text.contains("older"), "{text}");
}

#[test]
fn damage_before_the_end_of_a_log_is_no_torn_end() {
    let place = Place::new();
    let (left, image) = crashed(&place);
    let whole = fs::read(wal_path(&left)).unwrap();
    let mut damaged = 0;
    for page in 1..=10 {
        let mut bytes = whole.clone();
        bytes[page * PAGE + 100] ^= 1;
        fs::write(wal_path(&left), &bytes).unwrap();
        if page < 10 {
            let text = refused(&left, &OpenOptions::default());
            assert!(text.contains("lost a part"), "{text}");
            damaged += 1;
        }
    }
    assert_eq!(damaged, 9);
    for len in [0, 20, PAGE, 5 * PAGE, whole.len() - 1] {
        fs::write(wal_path(&left), &whole[..len]).unwrap();
        refused(&left, &OpenOptions::default());
    }
    fs::write(wal_path(&left), &whole).unwrap();
    assert_eq!(clean(&MigrationTracker::open(&left).unwrap()), image);
}

/// What has the name of a log and is not that of this database is not touched, and nobody is told that it was:
/// it is removed by hand, or is all that is left of something.
#[test]
fn a_file_of_somebody_else_with_the_name_of_a_log_stays() {
    let (place, other) = (Place::new(), Place::new());
    begin(&place.create(), 0..1);
    let (foreign, _) = crashed(&other);
    let foreign = fs::read(wal_path(&foreign)).unwrap();
    let log = wal_path(&place.path());
    for content in [b"the only copy of something".to_vec(), foreign] {
        fs::write(&log, &content).unwrap();
        drop(place.open());
        let text = refused(&place.path(), &ahead());
        assert!(text.contains("move it away"), "{text}");
        assert!(fs::read(&log).unwrap() == content);
    }
    // A folder there is nobody's business either.
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    drop(place.open());
    fs::remove_dir(&log).unwrap();
    drop(MigrationTracker::open_with(place.path(), &ahead()).unwrap());
}

/// The way back from a backup: the broken file is put aside, and its log was taken for a left-over of the
/// backup and removed.
#[test]
fn whoever_restores_a_backup_does_not_lose_the_log_of_what_was_put_aside() {
    let place = Place::new();
    let (left, image) = crashed(&place);
    let backup = place.folder().join("backup.redb");
    place.open().backup(&backup).unwrap();
    let aside = place.folder().join("left.redb.broken");
    fs::rename(&left, &aside).unwrap();
    fs::rename(&backup, &left).unwrap();
    drop(MigrationTracker::open(&left).unwrap());
    refused(&left, &ahead());
    fs::rename(wal_path(&left), wal_path(&aside)).unwrap();
    drop(MigrationTracker::open_with(&left, &ahead()).unwrap());
    assert_eq!(clean(&MigrationTracker::open(&aside).unwrap()), image);
}

/// Two copies of what a crash left went different ways, and each kept the name of its log.
#[test]
fn the_log_of_a_copy_that_went_another_way_is_refused() {
    let place = Place::new();
    let (one, _) = crashed(&place);
    let other = place.folder().join("other.redb");
    fs::copy(&one, &other).unwrap();
    fs::copy(wal_path(&one), wal_path(&other)).unwrap();
    let trackers = [(&one, 100), (&other, 200)].map(|(path, shard)| {
        let tracker = MigrationTracker::open_with(path, &ahead()).unwrap();
        begin(&tracker, shard..shard + 1);
        tracker
    });
    let left = place.folder().join("mixed.redb");
    fs::copy(&one, &left).unwrap();
    fs::copy(wal_path(&other), wal_path(&left)).unwrap();
    let text = refused(&left, &OpenOptions::default());
    assert!(text.contains("another database"), "{text}");
    drop(trackers);
}

/// Somebody has the file open while its name is given to a copy: the log is in use.
#[test]
fn a_log_that_is_in_use_is_left_alone() {
    let place = Place::new();
    let tracker = MigrationTracker::create_with(place.path(), &ahead(), &Settings::default());
    let tracker = tracker.unwrap();
    begin(&tracker, 0..1);
    let copy = place.folder().join("copy.redb");
    fs::copy(place.path(), &copy).unwrap();
    fs::rename(&copy, place.path()).unwrap();
    let other = MigrationTracker::open_with(place.path(), &ahead()).unwrap_err();
    assert!(matches!(&other, OpenError::Locked { .. }), "{other:?}");
    begin(&tracker, 1..2);
}

/// A crash between the last checkpoint of a close and the removal leaves a log that no database names.
#[test]
fn a_log_that_is_left_over_is_removed() {
    for durability in [Durability::Standard, Durability::WriteAhead] {
        let place = Place::new();
        let (_, image) = crashed(&place);
        let left = wal_path(&place.folder().join("left.redb"));
        // `crashed` closed the file when it returned.
        fs::rename(left, wal_path(&place.path())).unwrap();
        let options = with(durability);
        let tracker = MigrationTracker::open_with(place.path(), &options).unwrap();
        assert_eq!(clean(&tracker), image);
        drop(tracker);
        assert!(!wal_path(&place.path()).exists());
    }
}
