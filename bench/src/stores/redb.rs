use std::path::Path;

use redb::{Database, ReadableTable as _, TableDefinition};

use super::Store;
use super::rows::Rows;
use crate::Result;

const MIGRATIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("migrations");
const ACTIVE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("active");
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

/// As much as shardferry has by default.
const CACHE_BYTES: usize = 64 << 20;

/// redb, a transaction for each operation.
pub(super) struct Redb(Database);

impl Redb {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let path = folder.join("redb");
        let db = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)?;
        Ok(Self(db))
    }
}

impl Store for Redb {
    fn begin(&self, _: u64, shard: u64) -> Result<()> {
        let rows = Rows::of(shard);
        let tx = self.0.begin_write()?;
        {
            let mut active = tx.open_table(ACTIVE)?;
            if active.get(shard)?.is_some() {
                return Err("the shard has a migration".into());
            }
            active.insert(shard, rows.id.as_slice())?;
            let mut migrations = tx.open_table(MIGRATIONS)?;
            migrations.insert(rows.id.as_slice(), rows.record.as_slice())?;
            let mut events = tx.open_table(EVENTS)?;
            let last = events.last()?.map_or(0, |(seq, _)| seq.value());
            events.insert(last + 1, rows.event.as_slice())?;
        }
        Ok(tx.commit()?)
    }
}
