//! Any bytes as a row of any table: a row or a refusal, never a panic; and what decodes is to the
//! byte what would be written.
//!
//! The first byte of an input says which table, the second whether the value is taken as it is or
//! gets a header with the right checksum, and how long the key is; then the key, then the value.

use shardferry::schema::codec::{DecodeError, MAGIC, Record};
use shardferry::schema::key::{Key as _, KeyError};
use shardferry::schema::table::{self, Table, TableId};

/// The bit of the second byte that asks for a header.
pub const SEALED: u8 = 0x80;

/// Bytes that are no row of their table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The key is none.
    Key(KeyError),
    /// The value is none under this key.
    Value(DecodeError),
}

/// Decodes what `input` says.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    // What it is does not matter here.
    let _ = decode(input);
}

/// The value as it would be written again; `None` when `input` says too little.
///
/// # Panics
/// When something does not hold.
pub fn decode(input: &[u8]) -> Option<Result<Vec<u8>, Refused>> {
    let (&[which, form], rest) = input.split_first_chunk()?;
    let table = TableId::ALL[usize::from(which) % TableId::ALL.len()];
    let len = usize::from(form & !SEALED).min(rest.len());
    let (key, payload) = rest.split_at(len);
    let value = if form & SEALED == 0 {
        payload.to_vec()
    } else {
        sealed(table, key, payload)
    };
    let again = reread(table, key, &value);
    if let Ok(again) = &again {
        assert_eq!(again, &value, "{table:?}: what is read is what was written");
    }
    Some(again)
}

/// The value that holds `payload` under `key`, with the right checksum: what a faulty or hostile
/// writer could leave.
#[must_use]
pub fn sealed(table: TableId, key: &[u8], payload: &[u8]) -> Vec<u8> {
    let version = 1;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[table.tag(), version]);
    crc.update(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
    crc.update(key);
    crc.update(payload);
    let mut value = MAGIC.to_vec();
    value.extend([table.tag(), version]);
    value.extend(crc.finalize().to_le_bytes());
    value.extend(payload);
    value
}

fn reread(table: TableId, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Refused> {
    match table {
        TableId::Meta => row(table::META, key, value),
        TableId::Settings => row(table::SETTINGS, key, value),
        TableId::Nodes => row(table::NODES, key, value),
        TableId::NodeNames => row(table::NODE_NAMES, key, value),
        TableId::Shards => row(table::SHARDS, key, value),
        TableId::ShardNames => row(table::SHARD_NAMES, key, value),
        TableId::ShardRanges => row(table::SHARD_RANGES, key, value),
        TableId::Placements => row(table::PLACEMENTS, key, value),
        TableId::Migrations => row(table::MIGRATIONS, key, value),
        TableId::ActiveShards => row(table::ACTIVE_SHARDS, key, value),
        TableId::Events => row(table::EVENTS, key, value),
        TableId::MigrationEvents => row(table::MIGRATION_EVENTS, key, value),
        TableId::Finished => row(table::FINISHED, key, value),
        TableId::Retention => row(table::RETENTION, key, value),
        TableId::Cleanups => row(table::CLEANUPS, key, value),
        TableId::LastMoves => row(table::LAST_MOVES, key, value),
        TableId::Requests => row(table::REQUESTS, key, value),
        TableId::InFlight => row(table::IN_FLIGHT, key, value),
        TableId::Pauses => row(table::PAUSES, key, value),
        TableId::Quarantine => row(table::QUARANTINE, key, value),
        TableId::SetAside => row(table::SET_ASIDE, key, value),
    }
}

fn row<R: Record>(table: Table<R>, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Refused> {
    let parsed = table.key(key).map_err(Refused::Key)?;
    assert_eq!(parsed.to_bytes(), key, "a key has one form");
    let record = table.decode(&parsed, value).map_err(Refused::Value)?;
    let again = table.encode(&parsed, &record);
    Ok(again.expect("what was decoded can be encoded"))
}
