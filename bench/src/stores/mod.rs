//! What one keeps migrations in, beside shardferry: the same operation in other stores. Each of them
//! answers when the disk has it.

mod fjall;
mod lmdb;
mod raw;
mod redb;
mod rows;
mod sqlite;

use std::path::Path;

use shardferry::store::{Durability, OpenOptions};
use shardferry::{MigrationTracker, NodeId, Settings, ShardId};

use crate::Result;

/// A store that one can begin migrations in.
pub(crate) trait Store: Sync {
    /// Begins a migration of `shard`, which has none under way, on behalf of thread `caller`.
    fn begin(&self, caller: u64, shard: u64) -> Result<()>;
}

/// The stores that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A write of 4 KiB and `fdatasync`, by one thread.
    Raw,
    /// SQLite, one connection behind a lock.
    SqliteShared,
    /// SQLite, a connection for each thread.
    SqliteEach,
    /// LMDB.
    Lmdb,
    /// fjall.
    Fjall,
    /// redb, a transaction for each operation.
    Redb,
    /// The tracker.
    Shardferry,
    /// The tracker with a write-ahead log.
    ShardferryAhead,
}

impl Kind {
    /// The stores that `callers` threads at the same time are measured on. With more than a few threads,
    /// SQLite connections that wait for each other come to less than 100 begins per second.
    pub(crate) fn with_callers(callers: u64) -> impl Iterator<Item = Self> {
        let all = [
            Self::Raw,
            Self::SqliteShared,
            Self::SqliteEach,
            Self::Lmdb,
            Self::Fjall,
            Self::Redb,
            Self::Shardferry,
            Self::ShardferryAhead,
        ];
        let is_measured =
            move |kind: &Self| *kind != Self::SqliteEach || (2..=8).contains(&callers);
        all.into_iter().filter(is_measured)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw, one caller",
            Self::SqliteShared => "SQLite, one connection",
            Self::SqliteEach => "SQLite, one for each thread",
            Self::Lmdb => "LMDB",
            Self::Fjall => "fjall",
            Self::Redb => "redb, a transaction each",
            Self::Shardferry => "shardferry",
            Self::ShardferryAhead => "shardferry, WriteAhead",
        }
    }

    /// How many of `callers` use it.
    pub(crate) fn threads(self, callers: u64) -> u64 {
        if self == Self::Raw { 1 } else { callers }
    }

    /// A new store in `folder`, which is empty, for so many threads.
    pub(crate) fn create(self, folder: &Path, callers: u64) -> Result<Box<dyn Store>> {
        Ok(match self {
            Self::Raw => Box::new(raw::Raw::create(folder)?),
            Self::SqliteShared => Box::new(sqlite::Sqlite::create(folder, 1)?),
            Self::SqliteEach => Box::new(sqlite::Sqlite::create(folder, callers)?),
            Self::Lmdb => Box::new(lmdb::Lmdb::create(folder)?),
            Self::Fjall => Box::new(fjall::Fjall::create(folder)?),
            Self::Redb => Box::new(redb::Redb::create(folder)?),
            Self::Shardferry => Box::new(tracker(folder, Durability::Standard)?),
            Self::ShardferryAhead => Box::new(tracker(folder, Durability::WriteAhead)?),
        })
    }
}

/// A tracker whose new file is in `folder`.
pub(crate) fn tracker(folder: &Path, durability: Durability) -> Result<MigrationTracker> {
    let options = OpenOptions {
        durability,
        ..OpenOptions::default()
    };
    let path = folder.join("shards.redb");
    Ok(MigrationTracker::create_with(
        path,
        &options,
        &Settings::default(),
    )?)
}

impl Store for MigrationTracker {
    fn begin(&self, _: u64, shard: u64) -> Result<()> {
        self.begin_migration(ShardId(shard), NodeId(1), NodeId(2))?;
        Ok(())
    }
}
