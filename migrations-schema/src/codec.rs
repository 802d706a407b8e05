//! How a record becomes a value and back: bincode inside an envelope.
//!
//! ```text
//! offset  0      2      3        4         8
//!         magic  table  version  checksum  payload ...
//!         "SF"   u8     u8       u32 LE    bincode 2, standard configuration
//! ```
//! The checksum is CRC-32 over table, version, the length of the key (u32 LE), the key and the
//! payload: a row that was moved to another key or another table is as wrong as a flipped bit.
//! Decoding is total: hostile bytes give a [`DecodeError`], never a panic and never a large
//! allocation.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::enc::write::Writer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::Key;
use crate::table::TableId;

/// The first two bytes of each value.
pub const MAGIC: [u8; 2] = *b"SF";

/// The length of the envelope before the payload.
pub const HEADER_BYTES: usize = 8;

/// The end of it.
const CHECKSUM_BYTES: usize = 4;

/// Most values are no longer.
const MOST_BYTES: usize = 160;

/// The longest payload. A record of the largest allowed texts stays well below it; a longer one
/// on disk is damage, and is refused before anything is allocated for it.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// What is stored in a table.
pub trait Record: Serialize + DeserializeOwned {
    /// The key of its table.
    type Key: Key;

    /// The version of the record's layout. A released layout is never edited: a change is a new
    /// version beside the old one.
    const VERSION: u8;

    /// Checks what the types alone cannot: that the record agrees with its key and with itself.
    ///
    /// # Errors
    /// The rule that does not hold, for people.
    fn validate(&self, key: &Self::Key) -> Result<(), &'static str>;
}

/// Bytes that are not a record of their table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than the envelope.
    #[error("{len} bytes are shorter than the envelope of {HEADER_BYTES}")]
    TooShort {
        /// The length that was found.
        len: usize,
    },
    /// Longer than any record.
    #[error("a payload of {len} bytes is longer than {PAYLOAD_BYTES_MAX}")]
    TooLong {
        /// The length that was found.
        len: usize,
    },
    /// Not written by this library.
    #[error("the value begins with {found:02x?} instead of {MAGIC:02x?}")]
    Magic {
        /// The first bytes.
        found: [u8; 2],
    },
    /// A value of another table.
    #[error("the value belongs to table {found}, not to {expected}")]
    Table {
        /// The tag of this table.
        expected: u8,
        /// The tag in the value.
        found: u8,
    },
    /// A layout that this version of the library does not know.
    #[error("the record has version {found}; this library knows {known}")]
    Version {
        /// The version in the value.
        found: u8,
        /// The version that is known.
        known: u8,
    },
    /// Key or value are not what was written.
    #[error("the checksum is {computed:08x}, the value says {stored:08x}")]
    Checksum {
        /// What the value says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The checksum holds, but the payload is not a record.
    #[error("the payload is not a record: {detail}")]
    Payload {
        /// What bincode says.
        detail: String,
    },
    /// A record and something after it.
    #[error("the record ends after {used} of {len} bytes")]
    Trailing {
        /// The bytes of the record.
        used: usize,
        /// The bytes of the payload.
        len: usize,
    },
    /// A record that contradicts its key or itself.
    #[error("the record is not valid: {rule}")]
    Invalid {
        /// The rule that does not hold.
        rule: &'static str,
    },
    /// A record in another form than the one that it is written in.
    #[error("the record is not written the way it would be written again")]
    NotCanonical,
}

/// A record that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than any record may be.
    #[error("a record of {len} bytes is longer than {PAYLOAD_BYTES_MAX}")]
    TooLong {
        /// The length of the payload.
        len: usize,
    },
    /// A record that contradicts its key or itself.
    #[error("the record is not valid: {rule}")]
    Invalid {
        /// The rule that does not hold.
        rule: &'static str,
    },
    /// bincode could not write it.
    #[error("the record cannot be written: {detail}")]
    Payload {
        /// What bincode says.
        detail: String,
    },
}

/// What decoding may claim. bincode counts 8 bytes for each number and each length, however few
/// it takes on disk: a payload of the longest length can claim up to 8 times as much.
const CLAIM_BYTES_MAX: usize = 8 * PAYLOAD_BYTES_MAX;

fn config() -> Configuration<LittleEndian, Varint, Limit<CLAIM_BYTES_MAX>> {
    bincode::config::standard().with_limit::<CLAIM_BYTES_MAX>()
}

fn checksum(table: TableId, version: u8, key: &[u8], payload: &[u8]) -> u32 {
    // Keys are short; the length saturates where it could not be exact.
    let len = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let [l0, l1, l2, l3] = len.to_le_bytes();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[table.tag(), version, l0, l1, l2, l3]);
    crc.update(key);
    crc.update(payload);
    crc.finalize()
}

/// The bytes of `record` under `key`, whose bytes are `key_bytes`, in `table`.
///
/// # Errors
/// [`EncodeError`] when the record breaks a rule of its type or is too long.
pub(crate) fn encode<R: Record>(
    table: TableId,
    key: &R::Key,
    key_bytes: &[u8],
    record: &R,
) -> Result<Vec<u8>, EncodeError> {
    record
        .validate(key)
        .map_err(|rule| EncodeError::Invalid { rule })?;
    let mut bytes = Vec::with_capacity(MOST_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[table.tag(), R::VERSION]);
    bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
    bincode::serde::encode_into_std_write(record, &mut bytes, bincode::config::standard())
        .map_err(|error| EncodeError::Payload {
            detail: error.to_string(),
        })?;
    let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(EncodeError::TooLong { len: payload.len() });
    }
    let crc = checksum(table, R::VERSION, key_bytes, payload);
    let place = bytes.iter_mut().skip(HEADER_BYTES - CHECKSUM_BYTES);
    place.zip(crc.to_le_bytes()).for_each(|(to, of)| *to = of);
    Ok(bytes)
}

/// The record that `bytes` hold in `table` under `key`, whose bytes are `key_bytes`.
///
/// # Errors
/// [`DecodeError`] for anything but the exact bytes that [`encode`] gives for a valid record.
#[inline]
pub(crate) fn decode<R: Record>(
    table: TableId,
    key: &R::Key,
    key_bytes: &[u8],
    bytes: &[u8],
) -> Result<R, DecodeError> {
    let payload = open_envelope(table, R::VERSION, key_bytes, bytes)?;
    let (record, used): (R, usize) =
        bincode::serde::decode_from_slice(payload, config()).map_err(|error| {
            DecodeError::Payload {
                detail: error.to_string(),
            }
        })?;
    if used != payload.len() {
        return Err(DecodeError::Trailing {
            used,
            len: payload.len(),
        });
    }
    record
        .validate(key)
        .map_err(|rule| DecodeError::Invalid { rule })?;
    // bincode also reads numbers that are written longer than they need to be, and a reason that
    // is cut. Such bytes are not ours, and would change when the row is written again.
    let mut rest = Rest(payload);
    let again = bincode::serde::encode_into_writer(&record, &mut rest, bincode::config::standard());
    if again.is_ok() && rest.0.is_empty() {
        Ok(record)
    } else {
        Err(DecodeError::NotCanonical)
    }
}

/// The payload in `bytes`, once everything around it is right.
fn open_envelope<'a>(
    table: TableId,
    known: u8,
    key_bytes: &[u8],
    bytes: &'a [u8],
) -> Result<&'a [u8], DecodeError> {
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DecodeError::TooShort { len: bytes.len() });
    };
    let [m0, m1, tag, version, c0, c1, c2, c3] = *header;
    if [m0, m1] != MAGIC {
        return Err(DecodeError::Magic { found: [m0, m1] });
    }
    if tag != table.tag() {
        return Err(DecodeError::Table {
            expected: table.tag(),
            found: tag,
        });
    }
    if version != known {
        return Err(DecodeError::Version {
            found: version,
            known,
        });
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(DecodeError::TooLong { len: payload.len() });
    }
    let stored = u32::from_le_bytes([c0, c1, c2, c3]);
    let computed = checksum(table, version, key_bytes, payload);
    if stored != computed {
        return Err(DecodeError::Checksum { stored, computed });
    }
    Ok(payload)
}

/// Bytes that are to be written again: takes nothing but what comes next in them.
struct Rest<'a>(&'a [u8]);

impl Writer for Rest<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0 = self
            .0
            .strip_prefix(bytes)
            .ok_or(bincode::error::EncodeError::UnexpectedEnd)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::id::ShardId;

    /// A record of any length; the length of its payload is its own and that of the number before
    /// it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Blob(String);

    impl Record for Blob {
        type Key = ShardId;
        const VERSION: u8 = 1;

        fn validate(&self, _: &ShardId) -> Result<(), &'static str> {
            Ok(())
        }
    }

    /// bincode's length of a text of 2^16 bytes or a little less: a byte and two bytes.
    const LEN_BYTES: usize = 3;

    #[test]
    fn the_longest_payload_is_written_and_read_and_one_byte_more_is_not() {
        let longest = Blob("x".repeat(PAYLOAD_BYTES_MAX - LEN_BYTES));
        let (table, key) = (TableId::Shards, ShardId(1));
        let bytes = encode(table, &key, &key.to_bytes(), &longest).unwrap();
        assert_eq!(bytes.len(), HEADER_BYTES + PAYLOAD_BYTES_MAX);
        assert_eq!(
            decode::<Blob>(table, &key, &key.to_bytes(), &bytes),
            Ok(longest)
        );

        for more in [1, 2] {
            let len = PAYLOAD_BYTES_MAX + more;
            let longer = Blob("x".repeat(len - LEN_BYTES));
            assert_eq!(
                encode(table, &key, &key.to_bytes(), &longer),
                Err(EncodeError::TooLong { len })
            );
        }
    }

    /// A record that gives up while it is written.
    #[derive(Debug, Deserialize)]
    struct Unwritable;

    impl Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("gave up"))
        }
    }

    impl Record for Unwritable {
        type Key = ShardId;
        const VERSION: u8 = 1;

        fn validate(&self, _: &ShardId) -> Result<(), &'static str> {
            Ok(())
        }
    }

    #[test]
    fn a_record_that_cannot_be_written_is_an_error_and_no_bytes() {
        let key = ShardId(1);
        let error = encode(TableId::Shards, &key, &key.to_bytes(), &Unwritable).unwrap_err();
        assert!(
            matches!(&error, EncodeError::Payload { detail } if detail.contains("gave up")),
            "{error}"
        );
    }
}
