//! Keys: one form each, and the order of bytes is the order of values.

use std::fmt::Debug;

use migrations_schema::key::{Key, MetaKey, RetentionKey, RowKey, SettingsKey, SlotScope};
use migrations_schema::table::TableId;
use migrations_schema::text::{NodeName, RangeKey, RequestKey, ShardName};
use migrations_schema::v1::PauseScope;
use migrations_schema::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use proptest::prelude::*;
use uuid::Uuid;

use crate::reread::{Refused, reread};

fn check<K: Key + Ord + Debug>(a: &K, b: &K) {
    for key in [a, b] {
        assert_eq!(K::from_bytes(&key.to_bytes()).as_ref(), Ok(key));
    }
    assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(b), "{a:?} {b:?}");
}

/// Any number, with those where a byte order could go wrong more often than by chance.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..1024_u64,
        (0..64_u32, 0..3_u64)
            .prop_map(|(bit, off)| (1_u64 << bit).wrapping_add(off).wrapping_sub(1)),
    ]
}

fn id() -> impl Strategy<Value = MigrationId> {
    any::<u128>().prop_map(|bits| MigrationId(Uuid::from_u128(bits)))
}

fn slot() -> impl Strategy<Value = SlotScope> {
    prop_oneof![
        Just(SlotScope::Total),
        number().prop_map(|node| SlotScope::Source(NodeId(node))),
        number().prop_map(|node| SlotScope::Destination(NodeId(node))),
        (number(), number()).prop_map(|(from, to)| SlotScope::Pair(NodeId(from), NodeId(to))),
    ]
}

fn pause() -> impl Strategy<Value = PauseScope> {
    prop_oneof![
        Just(PauseScope::Everything),
        number().prop_map(|node| PauseScope::Node(NodeId(node))),
        id().prop_map(PauseScope::Migration),
    ]
}

fn bytes(min: usize, max: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], min..=max)
}

proptest! {
    #[test]
    fn numbers(a in number(), b in number()) {
        check(&NodeId(a), &NodeId(b));
        check(&ShardId(a), &ShardId(b));
        check(&EventSeq(a), &EventSeq(b));
        check(&TimestampMs(a), &TimestampMs(b));
    }

    #[test]
    fn pairs(a in (number(), number(), id()), b in (number(), number(), id()), same in any::<bool>()) {
        let first = if same { a.0 } else { b.0 };
        let migration = if same { a.2 } else { b.2 };
        check(&(NodeId(a.0), ShardId(a.1)), &(NodeId(first), ShardId(b.1)));
        check(&(a.2, EventSeq(a.1)), &(migration, EventSeq(b.1)));
        check(&(TimestampMs(a.0), a.2), &(TimestampMs(first), b.2));
        check(&a.2, &b.2);
    }

    #[test]
    fn scopes(a in slot(), b in slot(), c in pause(), d in pause()) {
        check(&a, &b);
        check(&c, &d);
    }

    #[test]
    fn texts(a in "\\PC{1,20}", b in "\\PC{1,20}") {
        check(&NodeName::new(a.as_str()).unwrap(), &NodeName::new(b.as_str()).unwrap());
        check(&RequestKey::new(a).unwrap(), &RequestKey::new(b).unwrap());
    }

    #[test]
    fn byte_strings(a in bytes(1, 12), b in bytes(1, 12)) {
        check(&ShardName::new(a.as_slice()).unwrap(), &ShardName::new(b.as_slice()).unwrap());
        check(&RangeKey::new(&a[1..]).unwrap(), &RangeKey::new(&b[1..]).unwrap());
        let row = |bytes: &[u8]| RowKey {
            table: bytes[0],
            part: u32::from(*bytes.last().unwrap()),
            key: bytes[1..].to_vec(),
        };
        check(&row(&a), &row(&b));
    }

    /// `reread` asserts that a key it accepts is written back the same.
    #[test]
    fn random_bytes_are_a_key_or_refused(key in bytes(0, 40)) {
        for table in TableId::ALL {
            prop_assert!(reread(*table, &key, b"").is_err());
        }
    }
}

#[test]
fn keys_of_one_row_are_their_text() {
    assert_eq!(MetaKey::File.to_bytes(), b"file");
    assert_eq!(SettingsKey::Current.to_bytes(), b"current");
    assert_eq!(RetentionKey::Pruned.to_bytes(), b"pruned");
    check(&MetaKey::File, &MetaKey::File);
    check(&SettingsKey::Current, &SettingsKey::Current);
    check(&RetentionKey::Pruned, &RetentionKey::Pruned);
}

#[test]
fn keys_of_the_wrong_length_or_tag_are_refused() {
    let refused = |table: TableId, key: &[u8]| {
        assert!(
            matches!(reread(table, key, b""), Err(Refused::Key(_))),
            "{table:?} {key:02x?}"
        );
    };
    refused(TableId::Meta, b"File");
    refused(TableId::Meta, b"file\0");
    refused(TableId::Nodes, &[0; 7]);
    refused(TableId::Nodes, &[0; 9]);
    refused(TableId::NodeNames, b"");
    refused(TableId::NodeNames, b"\xff");
    refused(TableId::NodeNames, b"a\n");
    refused(TableId::NodeNames, &[b'a'; 256]);
    refused(TableId::ShardNames, &[b'a'; 256]);
    refused(TableId::ShardRanges, &[0; 1025]);
    refused(TableId::Requests, &[b'a'; 129]);
    refused(TableId::Migrations, &[0; 15]);
    refused(TableId::Placements, &[0; 17]);
    refused(TableId::MigrationEvents, &[0; 23]);
    refused(TableId::Finished, &[0; 25]);
    refused(TableId::InFlight, &[]);
    refused(TableId::InFlight, &[0, 0]);
    refused(TableId::InFlight, &[3, 0, 0, 0, 0, 0, 0, 0, 0]);
    refused(TableId::Pauses, &[2, 0, 0, 0, 0, 0, 0, 0, 0]);
    refused(TableId::SetAside, &[]);
    refused(TableId::SetAside, &[3, 0, 0, 0]);
}
