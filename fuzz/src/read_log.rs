//! Damage to a write-ahead log, with and without a right checksum: the file is refused and both are as
//! they were, or it opens.
//!
//! An input is edits of four bytes, of a good log beside the database that it belongs to: what to do, then
//! the page, and where in it. Where no checksum was put right, a file that opens is as it was after one of
//! its operations.

use std::sync::OnceLock;

use shardferry::store::{Durability, OpenError, OpenOptions, wal_path};
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, NodeId, Settings, ShardId};

use crate::disk::Disk;

const PAGE: usize = 4096;

/// Where the length and the checksum of a frame are, and its first change.
const LENGTH: std::ops::Range<usize> = 4..8;
const CHECKSUM: std::ops::Range<usize> = 32..36;
const CHANGES: usize = 36;

/// What a crash leaves: a database, its log, and the rows after each operation that the log has.
struct Base {
    database: Vec<u8>,
    log: Vec<u8>,
    states: Vec<Image>,
}

fn options() -> OpenOptions {
    OpenOptions {
        durability: Durability::WriteAhead,
        wal_bytes: 64 * 1024,
        ..OpenOptions::default()
    }
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let disk = Disk::empty();
        let tracker = MigrationTracker::create_with(disk.path(), &options(), &Settings::default());
        let tracker = tracker.expect("a file can be created");
        let mut states = vec![tracker.image().expect("it can be read")];
        for shard in 0..10 {
            let begun = tracker.begin_migration(ShardId(shard), NodeId(1), NodeId(2));
            let id = begun.expect("a begin");
            if shard % 3 == 2 {
                states.push(tracker.image().expect("it can be read"));
                tracker
                    .cancel_migration(id, "not wanted")
                    .expect("a cancel");
            }
            states.push(tracker.image().expect("it can be read"));
        }
        Base {
            database: disk.read(),
            log: std::fs::read(wal_path(&disk.path())).expect("there is a log"),
            states,
        }
    })
}

/// Opens what the edits of `input` leave.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    let base = base();
    let mut log = base.log.clone();
    let mut is_sealed = false;
    for edit in input.chunks_exact(4).take(16) {
        let &[what, page, high, low] = edit else {
            break;
        };
        let pages = log.len() / PAGE;
        if pages == 0 {
            break;
        }
        let start = usize::from(page) % pages * PAGE;
        let at = start + usize::from(u16::from_be_bytes([high, low])) % PAGE;
        match what % 6 {
            0 => log[at] ^= 1 << (what / 6 % 8),
            1 => log[at] = what / 6,
            2 => log[start..start + PAGE].fill(0),
            3 => {
                let other = usize::from(low) % pages * PAGE;
                log.copy_within(other..other + PAGE, start);
            }
            4 => log.truncate(at),
            _ => {
                log[at] ^= 1 << (what / 6 % 8);
                is_sealed |= seal(&mut log[start..]);
            }
        }
    }
    let disk = Disk::of(&base.database);
    std::fs::write(wal_path(&disk.path()), &log).expect("room for the log");
    match MigrationTracker::open_with(disk.path(), &options()) {
        Ok(tracker) => {
            let image = tracker.image().expect("it can be read");
            tracker.check().expect("it can be checked");
            assert!(
                is_sealed || base.states.contains(&image),
                "it opens as it never was"
            );
        }
        Err(error) => {
            let typed = matches!(
                error,
                OpenError::WriteAheadLog { .. } | OpenError::Store { .. }
            );
            assert!(typed, "{error:?}");
            assert!(disk.read() == base.database, "the database has changed");
            let left = std::fs::read(wal_path(&disk.path())).expect("it is there");
            assert!(left == log, "the log has changed");
        }
    }
}

/// Puts the checksum of the frame right that begins here; false where its length is a lie.
fn seal(frame: &mut [u8]) -> bool {
    let len: [u8; 4] = frame[LENGTH].try_into().expect("four bytes");
    let len = usize::try_from(u32::from_le_bytes(len)).expect("a length");
    let Some(changes) = frame.get(CHANGES..).and_then(|rest| rest.get(..len)) else {
        return false;
    };
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..CHECKSUM.start]);
    crc.update(changes);
    frame[CHECKSUM].copy_from_slice(&crc.finalize().to_le_bytes());
    true
}
