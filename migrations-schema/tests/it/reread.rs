//! Any table by its id: decode and encode again. The fuzz target `decode_record` is over this file too.

use migrations_schema::codec::{DecodeError, Record};
use migrations_schema::key::{Key, KeyError};
use migrations_schema::table::{self, Table, TableId};

/// Bytes that are not a row of their table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The key is none.
    Key(KeyError),
    /// The value is none under this key.
    Value(DecodeError),
}

/// Decodes a row of any table and gives what the current code writes for it.
pub(crate) fn reread(table: TableId, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Refused> {
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
    Ok(table
        .encode(&parsed, &record)
        .expect("what was decoded can be encoded"))
}

/// The value that holds `payload` under `key`, with a checksum that is right: what a hostile or
/// faulty writer could leave behind.
pub(crate) fn sealed(table: TableId, key: &[u8], payload: &[u8]) -> Vec<u8> {
    let version = 1;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[table.tag(), version]);
    crc.update(&u32::try_from(key.len()).unwrap().to_le_bytes());
    crc.update(key);
    crc.update(payload);
    let mut value = b"SF".to_vec();
    value.extend_from_slice(&[table.tag(), version]);
    value.extend_from_slice(&crc.finalize().to_le_bytes());
    value.extend_from_slice(payload);
    value
}
