use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::ballast::Ballast;
use crate::store::ballast_file::ballast_path;
use crate::store::volume::{Unmeasured, Volume};
use crate::store::{Disk, FileSystem};

/// A volume with room that lets no ballast be made, or lets the one that is there not be removed.
#[derive(Debug)]
struct Stubborn {
    there: u64,
    asked: Arc<AtomicU64>,
}

impl Volume for Stubborn {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn ballast_bytes(&self) -> io::Result<u64> {
        Ok(self.there)
    }

    fn make_ballast(&self, _: u64) -> io::Result<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn remove_ballast(&self) -> io::Result<bool> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Who needed the room at once removed it by hand, as they may: the next begin makes it again.
#[test]
fn a_ballast_that_was_removed_by_hand_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shards.redb");
    let ballast = Ballast::new(FileSystem.volume(&path), 1000);
    ballast.restock();
    assert_eq!(ballast.bytes(), (1000, 1000));
    std::fs::remove_file(ballast_path(&path)).unwrap();
    assert_eq!(ballast.bytes(), (1000, 0));
    ballast.restock();
    assert_eq!(ballast.bytes(), (1000, 1000));
}

/// A ballast that cannot be made is asked for again, and one that cannot be removed made no room.
#[test]
fn a_file_system_that_refuses_keeps_nobody_from_working() {
    let asked = Arc::new(AtomicU64::new(0));
    let ballast = |there| {
        let asked = Arc::clone(&asked);
        Ballast::new(Box::new(Stubborn { there, asked }), 100)
    };
    let missing = ballast(40);
    missing.restock();
    missing.restock();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(missing.bytes(), (100, 40));
    assert!(!missing.give_up());

    let there = ballast(100);
    there.restock();
    assert_eq!(asked.load(Ordering::Relaxed), 2, "it is there already");
}

#[test]
fn where_nobody_knows_how_much_is_free_there_is_no_ballast() {
    let ballast = Ballast::new(Box::new(Unmeasured), 100);
    ballast.restock();
    assert_eq!(ballast.bytes(), (100, 0));
    assert!(!ballast.give_up());
    let unsupported = ballast.volume().free_bytes().unwrap_err();
    assert_eq!(unsupported.kind(), io::ErrorKind::Unsupported);
    assert!(ballast.volume().make_ballast(100).is_err());
}
