//! Whether a value has one form. Numbers do not: bincode reads the longer forms of a small number
//! too, and a reason that is too long is cut. Both need a writer that computes the checksum, so
//! they are no damage; both are written back in the short form.

use migrations_schema::codec::DecodeError;
use migrations_schema::key::{Key, RowKey};
use migrations_schema::table::{self, TableId};
use migrations_schema::text::{Reason, ShardName};
use migrations_schema::v1::{PauseScope, Placement, SetAsideRow};
use migrations_schema::{NodeId, ShardId, TimestampMs};

use crate::reread::{reread, sealed};

#[test]
fn longer_forms_of_a_number_are_read_and_written_short() {
    let name = ShardName::new(*b"a").unwrap();
    let short = sealed(TableId::ShardNames, b"a", &[5]);
    for longer in [
        &[251, 5, 0][..],
        &[252, 5, 0, 0, 0],
        &[253, 5, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let value = sealed(TableId::ShardNames, b"a", longer);
        let entry = table::SHARD_NAMES.decode(&name, &value).unwrap();
        assert_eq!(entry.shard, ShardId(5));
        assert_eq!(reread(TableId::ShardNames, b"a", &value).unwrap(), short);
    }
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

#[test]
fn a_reason_that_is_too_long_is_cut() {
    let mut payload = vec![0, 251];
    payload.extend(1030_u16.to_le_bytes());
    payload.extend([b'a'; 1030]);
    let value = sealed(TableId::Pauses, &[0], &payload);
    let pause = table::PAUSES
        .decode(&PauseScope::Everything, &value)
        .unwrap();
    assert_eq!(pause.reason, Reason::new("a".repeat(1024)));
}

/// The limit of the decoder counts 8 bytes for a number and for a length, whatever they take. A
/// row that is set aside with a value just below the longest payload is written and then refused.
#[test]
#[ignore = "known gap: decode counts more bytes than encode writes, so the longest set-aside rows are refused"]
fn what_can_be_written_can_be_read() {
    let key = RowKey {
        table: TableId::Events.tag(),
        key: Vec::new(),
    };
    for len in 65_000..65_544 {
        let row = SetAsideRow {
            value: vec![1; len],
            reason: Reason::new(""),
            at_ms: TimestampMs(1),
        };
        if let Ok(value) = table::SET_ASIDE.encode(&key, &row) {
            assert_eq!(
                table::SET_ASIDE.decode(&key, &value).as_ref(),
                Ok(&row),
                "{len}"
            );
        }
    }
}
