//! Damage of every kind: refused with an error, never a panic, never a large allocation.

use migrations_schema::codec::{DecodeError, HEADER_BYTES, PAYLOAD_BYTES_MAX};
use migrations_schema::table::TableId;
use proptest::prelude::*;

use crate::cases::{self, Case};
use crate::reread::{Refused, reread, sealed};

/// Positions in `len` bytes: each of a short value, about 100 of a long one, and fewer of those
/// few that are mostly one byte string.
fn positions(len: usize) -> impl Iterator<Item = usize> {
    let step = match len {
        0..=256 => 1,
        257..=16_384 => len / 100,
        _ => len / 25,
    };
    (0..len).step_by(step)
}

fn flipped(bytes: &[u8], at: usize, bit: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

fn payload(case: &Case) -> &[u8] {
    &case.value[HEADER_BYTES..]
}

#[test]
fn one_flipped_bit_in_a_value_is_refused() {
    for case in cases::all() {
        for at in positions(case.value.len()) {
            for bit in 0..8 {
                let value = flipped(&case.value, at, bit);
                let found = reread(case.table, &case.key, &value);
                assert!(found.is_err(), "{} byte {at} bit {bit}", case.title());
            }
        }
    }
}

#[test]
fn one_flipped_bit_in_a_key_is_refused() {
    for case in cases::all() {
        for at in positions(case.key.len()) {
            for bit in 0..8 {
                let key = flipped(&case.key, at, bit);
                let found = reread(case.table, &key, &case.value);
                assert!(found.is_err(), "{} byte {at} bit {bit}", case.title());
            }
        }
    }
}

#[test]
fn a_value_under_another_key_of_its_table_is_refused() {
    let cases = cases::all();
    for case in cases {
        for other in cases.iter().filter(|other| other.table == case.table) {
            if other.key != case.key {
                let found = reread(case.table, &other.key, &case.value);
                assert!(
                    matches!(found, Err(Refused::Value(DecodeError::Checksum { .. }))),
                    "{} under the key of {}: {found:?}",
                    case.title(),
                    other.title(),
                );
            }
        }
    }
}

#[test]
fn a_row_in_another_table_is_refused_also_with_that_tables_tag() {
    for case in cases::all() {
        for table in TableId::ALL.iter().filter(|table| **table != case.table) {
            assert!(reread(*table, &case.key, &case.value).is_err());
            let mut value = case.value.clone();
            value[2] = table.tag();
            assert!(
                reread(*table, &case.key, &value).is_err(),
                "{} in {}",
                case.title(),
                table.name()
            );
        }
    }
}

#[test]
fn bytes_after_a_record_are_refused_also_with_a_right_checksum() {
    for case in cases::all() {
        for more in [&[0][..], &[1], &[255; 9]] {
            let value = [case.value.as_slice(), more].concat();
            assert!(reread(case.table, &case.key, &value).is_err());
            let value = sealed(case.table, &case.key, &[payload(case), more].concat());
            let found = reread(case.table, &case.key, &value);
            assert!(
                matches!(found, Err(Refused::Value(DecodeError::Trailing { .. }))),
                "{}: {found:?}",
                case.title(),
            );
        }
    }
}

#[test]
fn a_cut_value_is_refused_also_with_a_right_checksum() {
    for case in cases::all() {
        for len in positions(case.value.len()) {
            assert!(reread(case.table, &case.key, &case.value[..len]).is_err());
        }
        for len in positions(payload(case).len()) {
            let value = sealed(case.table, &case.key, &payload(case)[..len]);
            let found = reread(case.table, &case.key, &value);
            assert!(found.is_err(), "{} cut to {len}", case.title());
        }
    }
}

#[test]
fn an_overlong_payload_is_refused_before_it_is_read() {
    for table in TableId::ALL {
        let case = cases::all().iter().find(|c| c.table == *table).unwrap();
        let value = sealed(*table, &case.key, &vec![0; PAYLOAD_BYTES_MAX + 1]);
        assert_eq!(
            reread(*table, &case.key, &value),
            Err(Refused::Value(DecodeError::TooLong {
                len: PAYLOAD_BYTES_MAX + 1
            }))
        );
    }
}

/// Puts the largest lengths at every place of every value, each with a right checksum.
#[test]
fn hostile_lengths_are_refused() {
    for case in cases::all() {
        let payload = payload(case);
        for at in positions(payload.len()) {
            for len in [u64::MAX, u64::MAX / 2, 1 << 40, 1 << 32, 524_289, 65_537] {
                let start = &payload[..at];
                let hostile = [start, &[253], &len.to_le_bytes(), &payload[at..]].concat();
                probe(case, &hostile);
                probe(case, &[start, &[253], &len.to_le_bytes()].concat());
            }
        }
    }
}

/// What is accepted is exactly what the code writes.
fn probe(case: &Case, payload: &[u8]) {
    let value = sealed(case.table, &case.key, payload);
    if let Ok(written) = reread(case.table, &case.key, &value) {
        assert_eq!(written, value, "{}", case.title());
    }
}

/// Runs the test above in a process that may not have more than 256 MiB of addresses: a length
/// that was believed would abort it.
#[test]
#[cfg(target_os = "linux")]
fn hostile_lengths_need_little_memory() {
    let run = |test: &str| {
        std::process::Command::new("sh")
            .args(["-c", "ulimit -v 262144 && exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--include-ignored", "--test-threads", "1"])
            .output()
            .unwrap()
    };
    let output = run("damage::hostile_lengths_are_refused");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(report.contains("1 passed"), "{report}");

    // The limit bites: without it, this test passes.
    assert!(!run("damage::a_large_allocation").status.success());
}

#[test]
#[ignore = "run by `hostile_lengths_need_little_memory`, to see that its limit bites"]
fn a_large_allocation() {
    let large: Vec<u8> = Vec::with_capacity(1 << 30);
    assert!(std::hint::black_box(large).is_empty());
}

fn any_case() -> impl Strategy<Value = usize> {
    0..cases::all().len()
}

proptest! {
    #[test]
    fn random_bytes_never_panic(key in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
        for table in TableId::ALL {
            prop_assert!(reread(*table, &key, &value).is_err());
        }
    }

    #[test]
    fn random_values_under_valid_keys_never_panic(
        at in any_case(),
        payload in proptest::collection::vec(prop_oneof![0..4_u8, 248..=255_u8, any::<u8>()], 0..200),
    ) {
        let case = &cases::all()[at];
        prop_assert!(reread(case.table, &case.key, &payload).is_err());
        probe(case, &payload);
    }

    /// Valid records with a few bytes changed, under a checksum that is right.
    #[test]
    fn changed_records_are_refused_or_written_back_the_same(
        at in any_case(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let case = &cases::all()[at];
        let mut payload = payload(case).to_vec();
        if !payload.is_empty() {
            for (place, byte) in changes {
                let place = place.index(payload.len());
                payload[place] = byte;
            }
        }
        probe(case, &payload);
    }
}
