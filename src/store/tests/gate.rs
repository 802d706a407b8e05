use std::fs::File;
use std::ops::Bound::{Excluded, Included};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::store::guard::GuardedFile;

const LOW: u64 = 64;
const HIGH: u64 = 128;

/// Every lock that is asked of the gate is asked of the file: whoever has the same file open another
/// way is kept out, and let in again.
#[test]
fn locks_are_those_of_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let open = || {
        let file = File::options().read(true).write(true).open(file.path());
        FileBackend::new(file.unwrap()).unwrap()
    };
    let gate = GuardedFile::hold(Box::new(open())).unwrap();
    let other = open();
    let (start, end) = (Included(LOW), Excluded(HIGH));

    gate.lock_range(start, end).unwrap();
    assert!(other.query_lock_range(start, end).unwrap());
    assert!(!other.try_lock_range(start, end).unwrap());
    assert!(!other.try_lock_shared_range(start, end).unwrap());
    gate.unlock_range(start, end).unwrap();

    other.lock_range(start, end).unwrap();
    assert!(gate.query_lock_range(start, end).unwrap());
    assert!(!gate.try_lock_range(start, end).unwrap());
    assert!(!gate.try_lock_shared_range(start, end).unwrap());
    other.unlock_range(start, end).unwrap();

    gate.lock_shared_range(start, end).unwrap();
    assert!(other.try_lock_shared_range(start, end).unwrap());
    other.unlock_range(start, end).unwrap();
    assert!(!other.try_lock_range(start, end).unwrap());
    gate.unlock_range(start, end).unwrap();
    assert!(other.try_lock_range(start, end).unwrap());
    other.unlock_range(start, end).unwrap();
    assert!(!gate.query_lock_range(start, end).unwrap());
    assert!(gate.try_lock_shared_range(start, end).unwrap());
    assert!(!other.try_lock_range(start, end).unwrap());
}

/// A handle behind a closed gate may be closed, and another opened: until the gate is opened nobody else gets
/// the file, as what waits is still to be written. A gate that goes without that lets the file go.
#[test]
fn closing_what_is_behind_a_closed_gate_lets_nobody_in() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let open = || {
        let file = File::options().read(true).write(true).open(file.path());
        FileBackend::new(file.unwrap()).unwrap()
    };
    let (start, end) = (Included(LOW), Excluded(HIGH));
    let other = open();
    let lets_in = || {
        let lets_in = other.try_lock_range(start, end).unwrap();
        if lets_in {
            other.unlock_range(start, end).unwrap();
        }
        lets_in
    };

    let gate = GuardedFile::hold(Box::new(open())).unwrap();
    assert!(gate.try_lock_range(start, end).unwrap());
    gate.close().unwrap();
    assert!(!lets_in());
    assert!(
        gate.try_lock_range(start, end).unwrap(),
        "by another handle"
    );
    gate.release().unwrap();
    assert!(!lets_in());
    gate.close().unwrap();
    assert!(lets_in());

    let refused = GuardedFile::hold(Box::new(open())).unwrap();
    assert!(refused.try_lock_range(start, end).unwrap());
    drop(refused);
    assert!(lets_in());
}

/// Behind a closed gate a file reads as it would be, and is as it was; opened, it is as it reads.
#[test]
fn what_waits_is_read_and_then_written() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let before: Vec<u8> = (0..10_000_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(file.path(), &before).unwrap();
    let open = File::options().read(true).write(true).open(file.path());
    let gate = GuardedFile::hold(Box::new(FileBackend::new(open.unwrap()).unwrap())).unwrap();

    let mut expected = before.clone();
    gate.write(4_000, &[7; 300]).unwrap();
    expected[4_000..4_300].fill(7);
    gate.set_len(5_000).unwrap();
    gate.set_len(12_288).unwrap();
    expected.truncate(5_000);
    expected.resize(12_288, 0);
    gate.write(12_000, &[9; 1_000]).unwrap();
    expected.resize(13_000, 0);
    expected[12_000..].fill(9);
    gate.sync_data().unwrap();

    let mut seen = vec![0; expected.len()];
    assert_eq!(gate.len().unwrap(), 13_000);
    gate.read(0, &mut seen).unwrap();
    assert!(seen == expected, "it reads as it would be");
    assert!(gate.read(12_999, &mut [0; 2]).is_err(), "past its end");
    assert!(std::fs::read(file.path()).unwrap() == before, "it changed");

    gate.release().unwrap();
    assert!(std::fs::read(file.path()).unwrap() == expected);
    gate.write(0, &[1]).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap()[0], 1);
}
