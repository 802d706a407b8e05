//! The write-ahead log, held to its bytes.

use migrations_schema::table::TableId;
use migrations_schema::wal::{
    Change, Changes, Frame, Header, LogId, PAGE_BYTES, Position, open, seal,
};
use proptest::prelude::*;

const LOG: LogId = LogId(*b"0123456789abcdef");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Never edited: a log that a version of this library left is read by every later one.
#[test]
fn the_bytes_are_what_they_were() {
    let header = Header {
        log: LOG,
        bytes: 16 * 1024 * 1024,
    };
    assert_eq!(
        hex(&header.to_bytes()),
        "7368617264666572727920 6c6f6720 31 30313233343536373839616263646566 0000000100000000 8301141c"
            .replace(' ', "")
    );
    let position = Position {
        log: LOG,
        next: 258,
    };
    assert_eq!(
        hex(&position.to_bytes()),
        "30313233343536373839616263646566 0201000000000000 c9dd77cd".replace(' ', "")
    );
    let mut changes = Changes::default();
    changes.push(change(TableId::Nodes, b"k", Some(b"value")));
    changes.push(change(TableId::Shards, b"other", None));
    let frame = seal(LOG, 3, &changes);
    assert_eq!(frame.len(), PAGE_BYTES);
    assert_eq!(
        hex(&frame[..64]),
        "5346574c 1b000000 0300000000000000 30313233343536373839616263646566 34ffaa08 \
         03 01000000 6b 01 05000000 76616c7565 \
         05 05000000 6f74686572 00 00"
            .replace(' ', "")
    );
}

fn change<'a>(table: TableId, key: &'a [u8], value: Option<&'a [u8]>) -> Change<'a> {
    Change { table, key, value }
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (at % 8);
    bytes
}

#[test]
fn one_flipped_bit_is_refused() {
    let header = Header {
        log: LOG,
        bytes: 70_000,
    };
    let header = header.to_bytes();
    assert!(Header::from_bytes(&header).is_some());
    for at in 0..header.len() {
        assert_eq!(Header::from_bytes(&flipped(&header, at)), None, "{at}");
        assert_eq!(Header::from_bytes(&header[..at]), None, "{at}");
    }
    let position = Position { log: LOG, next: 9 }.to_bytes();
    for at in 0..position.len() {
        assert_eq!(Position::from_bytes(&flipped(&position, at)), None, "{at}");
        assert_eq!(Position::from_bytes(&position[..at]), None, "{at}");
    }
    let past_the_last = Position {
        log: LOG,
        next: 1 << 63,
    };
    assert_eq!(Position::from_bytes(&past_the_last.to_bytes()), None);
    let mut changes = Changes::default();
    changes.push(change(TableId::Migrations, &[7; 16], Some(&[9; 300])));
    let frame = seal(LOG, 3, &changes);
    let used = 36 + changes.len();
    for at in 0..used {
        assert_eq!(open(&flipped(&frame, at), LOG), None, "{at}");
        assert_eq!(open(&frame[..at], LOG), None, "{at}");
    }
    assert_eq!(open(&frame, LogId([0; 16])), None);
    // A frame that ends in the middle of its last page was not written by us.
    assert_eq!(open(&frame[..used], LOG), None);
}

fn table() -> impl Strategy<Value = TableId> {
    prop::sample::select(TableId::ALL)
}

fn bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..len)
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        rows in prop::collection::vec((table(), bytes(40), prop::option::of(bytes(3_000))), 0..8),
        number: u64,
        rest in bytes(64),
    ) {
        let expected: Vec<_> = rows
            .iter()
            .map(|(table, key, value)| change(*table, key, value.as_deref()))
            .collect();
        let mut changes = Changes::default();
        expected.iter().for_each(|each| changes.push(*each));
        let noted: Option<Vec<Change<'_>>> = changes.iter().collect();
        prop_assert_eq!(noted.as_ref(), Some(&expected));
        let mut log = seal(LOG, number, &changes);
        prop_assert_eq!(log.len(), changes.frame_bytes());
        log.extend(&rest);
        let (frame, left) = open(&log, LOG).unwrap();
        prop_assert_eq!((frame.number, left), (number, rest.as_slice()));
        let found: Option<Vec<Change<'_>>> = frame.changes().collect();
        prop_assert_eq!(found, Some(expected));
    }

    /// With a right checksum, anything can be inside: it is read to its end or to the first thing that
    /// cannot be.
    #[test]
    fn whatever_is_inside_is_read_or_not(inside in bytes(200), number: u64) {
        let mut frame = seal(LOG, number, &Changes::default());
        let len = u32::try_from(inside.len()).unwrap();
        frame[4..8].copy_from_slice(&len.to_le_bytes());
        frame[36..36 + inside.len()].copy_from_slice(&inside);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&frame[..32]);
        crc.update(&inside);
        frame[32..36].copy_from_slice(&crc.finalize().to_le_bytes());
        let (frame, _) = open(&frame, LOG).unwrap();
        let read: Vec<_> = Frame::changes(&frame).collect();
        prop_assert!(read.iter().rev().skip(1).all(Option::is_some));
    }
}
