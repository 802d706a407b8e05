//! A value has one form: what is accepted is to the byte what would be written, and everything
//! that can be written is accepted. bincode alone would also take longer forms of a number and
//! `Reason` a text that it cuts; both need a writer that computes the checksum and is not ours.

use std::fmt::Debug;

use migrations_schema::codec::{DecodeError, EncodeError, HEADER_BYTES, PAYLOAD_BYTES_MAX, Record};
use migrations_schema::key::{Key, RowKey};
use migrations_schema::table::{self, Table, TableId};
use migrations_schema::text::{Reason, ShardName};
use migrations_schema::v1::{Pause, PauseScope, Placement, SetAsideRow, Shard, ShardNameEntry};
use migrations_schema::{MigrationId, NodeId, ShardId, TimestampMs};

use crate::cases;
use crate::reread::{Refused, reread, sealed};

const NOT_CANONICAL: Refused = Refused::Value(DecodeError::NotCanonical);

#[test]
fn longer_forms_of_a_u64_are_refused() {
    let longer: [(u64, &[&[u8]]); 3] = [
        (
            5,
            &[
                &[251, 5, 0],
                &[252, 5, 0, 0, 0],
                &[253, 5, 0, 0, 0, 0, 0, 0, 0],
            ],
        ),
        (
            251,
            &[&[252, 251, 0, 0, 0], &[253, 251, 0, 0, 0, 0, 0, 0, 0]],
        ),
        (65_536, &[&[253, 0, 0, 1, 0, 0, 0, 0, 0]]),
    ];
    let name = ShardName::new(*b"a").unwrap();
    for (number, forms) in longer {
        let entry = ShardNameEntry {
            shard: ShardId(number),
        };
        let written = table::SHARD_NAMES.encode(&name, &entry).unwrap();
        assert_eq!(table::SHARD_NAMES.decode(&name, &written), Ok(entry));
        for form in forms {
            let value = sealed(TableId::ShardNames, b"a", form);
            assert_eq!(
                reread(TableId::ShardNames, b"a", &value),
                Err(NOT_CANONICAL),
                "{form:02x?}"
            );
        }
    }
}

/// Numbers of variants, lengths, u32 and i32 have longer forms, too.
#[test]
fn longer_forms_of_every_other_number_are_refused() {
    let key = (NodeId(1), ShardId(1)).to_bytes();
    for form in [&[251, 1, 0][..], &[252, 1, 0, 0, 0]] {
        let value = sealed(TableId::Placements, &key, form);
        assert_eq!(
            reread(TableId::Placements, &key, &value),
            Err(NOT_CANONICAL)
        );
    }

    // A pause at 0 for the reason "a": the length of the reason.
    let pause = |payload: &[u8]| {
        let value = sealed(TableId::Pauses, &[0], payload);
        reread(TableId::Pauses, &[0], &value)
    };
    assert!(pause(&[0, 1, b'a']).is_ok());
    assert_eq!(pause(&[0, 251, 1, 0, b'a']), Err(NOT_CANONICAL));
    assert_eq!(
        pause(&[0, 253, 1, 0, 0, 0, 0, 0, 0, 0, b'a']),
        Err(NOT_CANONICAL)
    );

    // meta begins with a u32, `minimal` with a 1.
    let meta = case_payload(TableId::Meta, "minimal");
    assert_eq!(meta[0], 1);
    let value = sealed(TableId::Meta, b"file", &longer_at(&meta, 0));
    assert_eq!(reread(TableId::Meta, b"file", &value), Err(NOT_CANONICAL));

    // The one i32 is the priority of a migration.
    let key = MigrationId(uuid::Uuid::nil()).to_bytes();
    let zero = case_payload(TableId::Migrations, "minimal");
    let one = case_payload(TableId::Migrations, "priority+1");
    let at = (0..zero.len()).find(|at| zero[*at] != one[*at]).unwrap();
    assert_eq!(one[at], 2);
    let value = sealed(TableId::Migrations, &key, &longer_at(&one, at));
    assert_eq!(
        reread(TableId::Migrations, &key, &value),
        Err(NOT_CANONICAL)
    );
}

fn case_payload(table: TableId, name: &str) -> Vec<u8> {
    let mut cases = cases::all().iter();
    let case = cases
        .find(|case| case.table == table && case.name == name)
        .unwrap();
    case.value[HEADER_BYTES..].to_vec()
}

/// The number of one byte at `at` in three bytes.
fn longer_at(payload: &[u8], at: usize) -> Vec<u8> {
    [&payload[..at], &[251, payload[at], 0], &payload[at + 1..]].concat()
}

#[test]
fn forms_wider_than_the_type_are_refused() {
    let refused = |table: TableId, key: &[u8], payload: &[u8]| {
        let error = reread(table, key, &sealed(table, key, payload)).unwrap_err();
        assert!(
            format!("{error:?}").contains("InvalidIntegerType"),
            "{error:?}"
        );
    };
    let wide = [&[254, 5][..], &[0; 15]].concat();
    refused(TableId::ShardNames, b"a", &wide);
    refused(TableId::ShardNames, b"a", &[255]);
    // The number of a variant is a u32.
    let key = (NodeId(1), ShardId(1)).to_bytes();
    refused(TableId::Placements, &key, &[253, 1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn variants_options_and_booleans_have_no_further_values() {
    let key = (NodeId(1), ShardId(1));
    let decode = |payload: &[u8]| {
        let value = sealed(TableId::Placements, &key.to_bytes(), payload);
        table::PLACEMENTS.decode(&key, &value)
    };
    assert_eq!(decode(&[1]), Ok(Placement::Replica));
    assert!(matches!(decode(&[2]), Err(DecodeError::Payload { .. })));

    // A node: id, name, address, zone, state, three capacities, weight, scan.
    let node = |address: u8, scan: u8| {
        let payload = [1, 1, b'a', address, 0, 0, 0, 0, 0, 1, scan];
        let key = NodeId(1);
        table::NODES.decode(&key, &sealed(TableId::Nodes, &key.to_bytes(), &payload))
    };
    assert!(node(0, 0).is_ok());
    assert!(node(0, 1).is_ok());
    assert!(matches!(node(0, 2), Err(DecodeError::Payload { .. })));
    assert!(matches!(node(2, 0), Err(DecodeError::Payload { .. })));
}

/// Cutting it is for callers. On disk it would change the row when it is written again.
#[test]
fn a_reason_that_is_too_long_is_refused() {
    let decode = |len: u16| {
        let mut payload = vec![0, 251];
        payload.extend(len.to_le_bytes());
        payload.extend(vec![b'a'; usize::from(len)]);
        let value = sealed(TableId::Pauses, &[0], &payload);
        table::PAUSES.decode(&PauseScope::Everything, &value)
    };
    let longest = Pause {
        at_ms: TimestampMs(0),
        reason: Reason::new("a".repeat(1024)),
    };
    assert_eq!(decode(1024), Ok(longest));
    assert_eq!(decode(1025), Err(DecodeError::NotCanonical));
}

/// The first and last of both ranges of control characters, and what stands beside them.
#[test]
fn a_control_character_in_a_reason_becomes_a_space_and_is_refused_on_disk() {
    let decode = |text: &str| {
        let len = u8::try_from(text.len()).unwrap();
        let payload = [&[0, len], text.as_bytes()].concat();
        let value = sealed(TableId::Pauses, &[0], &payload);
        table::PAUSES.decode(&PauseScope::Everything, &value)
    };
    for control in ['\0', '\t', '\n', '\u{1f}', '\u{7f}', '\u{85}', '\u{9f}'] {
        let text = format!("a{control}b");
        assert_eq!(Reason::new(text.as_str()).as_str(), "a b");
        assert_eq!(decode(&text), Err(DecodeError::NotCanonical), "{control:?}");
    }
    for text in ["a b", "a~b", "a\u{a0}b", "a\u{2028}b"] {
        assert_eq!(Reason::new(text).as_str(), text);
        assert_eq!(decode(text).unwrap().reason.as_str(), text);
    }
    // The cut comes last: two bytes each before, one each as spaces.
    let spaces = Reason::new("\u{85}".repeat(1025));
    assert_eq!(spaces.as_str(), " ".repeat(1024));
}

fn written_is_read<R: Record + PartialEq + Debug>(table: Table<R>, key: &R::Key, record: &R) {
    let value = table.encode(key, record).unwrap();
    assert_eq!(table.decode(key, &value).as_ref(), Ok(record));
}

#[test]
fn what_can_be_written_can_be_read() {
    let key = RowKey {
        table: TableId::Events.tag(),
        part: 0,
        key: Vec::new(),
    };
    let max = usize::try_from(SetAsideRow::VALUE_BYTES_MAX).unwrap();
    let row = |len: usize, value_bytes: u64| SetAsideRow {
        value: vec![1; len],
        value_bytes,
        reason: Reason::new("x".repeat(Reason::MAX_BYTES)),
        at_ms: TimestampMs(1),
    };
    for len in (0..300).chain(max - 10..=max) {
        written_is_read(table::SET_ASIDE, &key, &row(len, len as u64));
    }
    for value_bytes in [SetAsideRow::VALUE_BYTES_MAX + 1, 1 << 40, u64::MAX] {
        written_is_read(table::SET_ASIDE, &key, &row(max, value_bytes));
    }
    for len in [max + 1, PAYLOAD_BYTES_MAX, 8 * PAYLOAD_BYTES_MAX] {
        let found = table::SET_ASIDE.encode(&key, &row(len, len as u64));
        assert!(matches!(found, Err(EncodeError::Invalid { .. })), "{len}");
    }

    // Most take one or three bytes on disk, but each 8 for the limit of the decoder.
    let name = ShardName::new(*b"a").unwrap();
    let mut shard = Shard::new(ShardId(1), name, NodeId(1));
    let nodes = |count: usize| (2..).map(NodeId).take(count).collect();
    shard.replicas = nodes(Shard::REPLICAS_MAX);
    shard.allowed = nodes(Shard::RULE_NODES_MAX);
    shard.disallowed = nodes(Shard::RULE_NODES_MAX);
    written_is_read(table::SHARDS, &shard.id, &shard);
}

/// The limit counts 8 bytes for a number of one byte. The longest payload of nothing else stays
/// within it: such a payload is read, and refused by a rule.
#[test]
fn no_payload_is_too_much_for_the_limit_of_the_decoder() {
    // A shard: id, name, range, owner, replicas, keys, bytes, load, version, group, pinned; then
    // `allowed` up to the end but for `disallowed`.
    let start = [1, 1, b'a', 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let allowed = PAYLOAD_BYTES_MAX - start.len() - 3 - 1;
    let mut payload = start.to_vec();
    payload.push(251);
    payload.extend(u16::try_from(allowed).unwrap().to_le_bytes());
    payload.resize(PAYLOAD_BYTES_MAX, 0);
    let key = ShardId(1);
    let value = sealed(TableId::Shards, &key.to_bytes(), &payload);
    assert_eq!(
        table::SHARDS.decode(&key, &value),
        Err(DecodeError::Invalid {
            rule: "a list of nodes names each node once"
        })
    );
}
