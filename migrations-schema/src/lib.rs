//! The on-disk format of `shardferry`: ids, records, tables and the codec, and nothing else.
//!
//! Everything that a released version wrote can be read for ever: a record's layout is never
//! edited, a change is a new version of it, and the fixtures beside this crate hold the bytes.
//! `SCHEMA.md` describes each table, key and field to the byte.
//!
//! ```
//! use migrations_schema::{ShardId, MigrationId, table, v1};
//!
//! let shard = ShardId(7);
//! let row = v1::ActiveShard { migration: MigrationId(uuid::Uuid::now_v7()) };
//! let bytes = table::ACTIVE_SHARDS.encode(&shard, &row)?;
//! assert_eq!(table::ACTIVE_SHARDS.decode(&shard, &bytes)?, row);
//!
//! // The same bytes under another key are refused.
//! assert!(table::ACTIVE_SHARDS.decode(&ShardId(8), &bytes).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod codec;
mod hex;
mod id;
pub mod key;
pub mod table;
pub mod text;
pub mod v1;
pub mod wal;

pub use id::{
    Epoch, EventSeq, FileId, GroupId, MigrationId, NodeId, SessionId, ShardId, TimestampMs,
};

/// The format of the whole file, in [`table::META`]. Format 1 is `v1` of every record.
pub const FORMAT: u32 = 1;
