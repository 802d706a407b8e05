//! Backups: exact, of one instant, and there whole or not at all.

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shardferry::schema::key::Key as _;
use shardferry::schema::table::TableId;
use shardferry::store::OpenError;
use shardferry::tracker::check::{Acknowledged, Image, invariant_i12_acknowledged_survives};
use shardferry::tracker::{BackupError, BackupProgress, BackupStage};
use shardferry::{MigrationTracker, ShardId, Status};

use crate::child;
use crate::rich::rich;
use crate::support::{A, B, Place, Planter, S, clean, sound, worker};
use crate::syscalls;

#[test]
fn a_backup_holds_every_row_and_is_for_its_owner_only() {
    let place = Place::new();
    let tracker = rich(&place);
    let path = place.folder().join("monday.redb");
    let mut stages: Vec<BackupProgress> = Vec::new();
    let report = tracker
        .backup_with(&path, &mut |progress| stages.push(progress))
        .unwrap();
    assert_eq!(report.violations, tracker.check().unwrap().violations);
    assert_eq!(report.tables, tracker.check().unwrap().tables);
    for stage in [BackupStage::Copying, BackupStage::Verifying] {
        let last = stages.iter().rfind(|notice| notice.stage == stage).unwrap();
        assert_eq!((last.rows, last.rows_total), (report.rows(), report.rows()));
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let mut names = place.names();
    names.sort();
    assert_eq!(names, ["monday.redb", "shards.redb"]);

    let monday = MigrationTracker::open(&path).unwrap();
    assert_eq!(sound(&monday), sound(&tracker));
    // A backup of a backup is the same rows again.
    let again = monday.backup(place.folder().join("again.redb")).unwrap();
    assert_eq!(again.digest, report.digest);
    let id = monday.active_migration(ShardId(9)).unwrap().unwrap().id;
    monday.start_migration(id).unwrap();
    let later = monday.backup(place.folder().join("later.redb")).unwrap();
    assert_ne!(later.digest, report.digest);
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let place = Place::new();
    let tracker = place.create();
    tracker.begin_migration(S, A, B).unwrap();
    let letter = place.folder().join("letter");
    fs::write(&letter, b"dear friend").unwrap();
    let link = place.folder().join("link");
    std::os::unix::fs::symlink(place.folder().join("nowhere"), &link).unwrap();
    for path in [&letter, &link, &place.path(), place.folder()] {
        let error = tracker.backup(path).unwrap_err();
        assert!(
            matches!(error, BackupError::Create(OpenError::Exists { .. })),
            "{error:?}"
        );
    }
    assert_eq!(fs::read(&letter).unwrap(), b"dear friend");
    assert_eq!(place.names().len(), 3);
    let nowhere = tracker.backup(place.folder().join("no/such/folder"));
    let error = nowhere.unwrap_err();
    assert!(
        matches!(error, BackupError::Create(OpenError::Io { .. })),
        "{error:?}"
    );
    clean(&tracker);
}

/// What cannot be decoded is copied as it is, and named.
#[test]
fn a_damaged_row_is_in_the_backup_too() {
    let place = Place::new();
    let tracker = place.create();
    tracker.begin_migration(S, A, B).unwrap();
    drop(tracker);
    let garbage: &[u8] = b"\xff not a row";
    let planter = Planter::open(&place.path());
    planter.put_raw(TableId::Nodes, &A.to_bytes(), garbage);
    planter.put_raw(TableId::Events, b"no key", garbage);
    drop(planter);

    let tracker = place.open();
    let copy = Place::new();
    let report = tracker.backup(copy.path()).unwrap();
    assert_eq!(report.violations, tracker.check().unwrap().violations);
    assert!(report.violations.len() >= 2, "{:?}", report.violations);
    let planter = Planter::open(&copy.path());
    assert_eq!(planter.get_raw(TableId::Nodes, &A.to_bytes()), garbage);
    assert_eq!(planter.get_raw(TableId::Events, b"no key"), garbage);
}

/// Writers go on while backups are made: each backup is in order, has everything that was
/// acknowledged before it, and whatever else it has is whole.
#[test]
fn a_backup_is_one_instant_among_writers() {
    const WRITERS: u64 = 3;
    const BACKUPS: usize = 6;
    let place = Place::new();
    let tracker = place.create();
    let acknowledged: Mutex<Vec<Acknowledged>> = Mutex::new(Vec::new());
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (tracker, stop, written, acknowledged) = (&tracker, &stop, &written, &acknowledged);
            scope.spawn(move || {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    let shard = ShardId(writer + WRITERS * round);
                    let id = tracker.begin_migration(shard, A, B).unwrap();
                    let told = |status| {
                        acknowledged
                            .lock()
                            .unwrap()
                            .push(Acknowledged { id, status });
                    };
                    told(Status::Pending);
                    let claim = tracker.claim(id, &worker()).unwrap();
                    claim.report(round, None, None).unwrap();
                    claim.complete().unwrap();
                    told(Status::Complete);
                    round += 1;
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for backup in 0..BACKUPS {
            let copy = Place::new();
            let before = acknowledged.lock().unwrap().clone();
            let during = written.load(Ordering::Relaxed);
            // The rows are read while others write: they must have got on in the meantime.
            let report = tracker.backup_with(copy.path(), &mut |progress| {
                if progress.stage == BackupStage::Copying && progress.rows == 0 {
                    while written.load(Ordering::Relaxed) < during + 2 {
                        std::thread::yield_now();
                    }
                }
            });
            let report = report.unwrap();
            assert_eq!(report.violations, [], "backup {backup}");
            let image = clean(&copy.open());
            let lost = invariant_i12_acknowledged_survives(&before, &image);
            assert_eq!(lost, [], "backup {backup}");
            let now = tracker.image().unwrap();
            assert!(image.events.len() < now.events.len(), "it is of before");
            let same = image
                .events
                .iter()
                .all(|(seq, event)| now.events[seq] == *event);
            assert!(same, "its log is the beginning of the log");
        }
        stop.store(true, Ordering::Relaxed);
    });
    clean(&tracker);
}

/// Killed at every write call: the database is as it was, and the backup is not there or is whole.
/// What is left over goes with the next backup to the same place.
#[test]
fn a_backup_killed_at_every_write_is_whole_or_not_there() {
    if !syscalls::strace_works() {
        eprintln!("skipped: no strace here to kill with");
        return;
    }
    let whole = Cell::new(0);
    let before = RefCell::new(Image::default());
    let prepare = || {
        let place = Place::new();
        let tracker = place.create();
        tracker.begin_migration(S, A, B).unwrap();
        *before.borrow_mut() = clean(&tracker);
        place
    };
    let points = syscalls::killed_at_each_write("backup", prepare, |place, what| {
        let before = before.borrow();
        let path = child::backup_of(&place.path());
        if path.exists() {
            whole.set(whole.get() + 1);
            let copy = MigrationTracker::open(&path).unwrap();
            assert_eq!(clean(&copy), *before, "{what}");
        }
        let tracker = place.open();
        assert_eq!(clean(&tracker), *before, "{what}");
        if !path.exists() {
            tracker.backup(&path).unwrap();
        }
        drop(tracker);
        let names = place.names();
        assert_eq!(names.len(), 2, "{what}: {names:?}");
    });
    let whole = whole.get();
    eprintln!("killed at {points} write calls; {whole} runs left a backup");
    assert!(points >= 20, "only {points} calls were seen");
}
