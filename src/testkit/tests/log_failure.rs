//! What comes after a log that could not be written.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::schema::table::TableId;
use crate::schema::v1::Settings;
use crate::store::{Commit, Durability, FORMATS, OpenOptions, Procedure, Store, StoreError, Tx};
use crate::testkit::{Call, Fault, FaultyDisk, Trouble};

const FILE: &str = "shards.redb";

/// Long enough for another thread to come to where it waits for this one.
const WHILE: Duration = Duration::from_millis(200);

/// Writes two rows, and fails at the log.
struct First<'a> {
    disk: &'a FaultyDisk,
    trouble: Trouble,
    runs: mpsc::SyncSender<()>,
}

impl Procedure for First<'_> {
    type Output = ();
    type Error = StoreError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        self.runs.send(()).unwrap();
        thread::sleep(WHILE);
        tx.put(TableId::Nodes, b"of the first", b"1")?;
        tx.put(TableId::Nodes, b"of both", b"1")?;
        self.disk.inject(Fault {
            call: Call::Sync,
            nth: 1,
            trouble: self.trouble,
            forever: false,
        });
        Ok(())
    }
}

/// Writes a row; whether the first had written it.
struct Second;

impl Procedure for Second {
    type Output = bool;
    type Error = StoreError;

    fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let there = tx.get(TableId::Nodes, b"of both")?.is_some();
        tx.put(TableId::Nodes, b"of both", b"2")?;
        Ok(there)
    }
}

/// One waited for the writer while another failed at the log. It decided without what the other had changed,
/// and its frame took that along: after a crash both were there.
#[test]
fn whoever_waited_for_one_that_failed_at_the_log_fails_too() {
    for trouble in [Trouble::LostSync, Trouble::Io] {
        let (disk, path) = (FaultyDisk::new(), Path::new(FILE));
        let options = OpenOptions {
            durability: Durability::WriteAhead,
            ..OpenOptions::default()
        };
        drop(disk.create(path, &options, &Settings::default()).unwrap());
        let store = Store::open(&disk, path, &options, FORMATS).unwrap();
        let (runs, running) = mpsc::sync_channel(1);
        let first = First {
            disk: &disk,
            trouble,
            runs,
        };
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| store.write_alone(&first, |()| Commit::Durable));
            running.recv().unwrap();
            let second = scope.spawn(|| store.write_alone(&Second, |_| Commit::Durable));
            (first.join().unwrap(), second.join().unwrap())
        });
        assert!(
            matches!(first, Err(StoreError::CommitUnknown { .. })),
            "{first:?}"
        );
        assert!(
            matches!(second, Err(StoreError::ReopenNeeded)),
            "{second:?}"
        );
        let left = Store::open(&disk.copy(), path, &options, FORMATS).unwrap();
        let row = |key: &[u8]| left.read(|rows| rows.get(TableId::Nodes, key)).unwrap();
        assert_eq!(row(b"of both"), row(b"of the first"), "half of one");
    }
}
