use std::path::Path;

use heed::types::Bytes;
use heed::{Database, Env, EnvOpenOptions};

use super::Store;
use super::rows::Rows;
use crate::Result;

/// Address space for the file: more than any run fills.
const MAP_BYTES: usize = 16 << 30;

/// LMDB, each commit on the disk.
pub(super) struct Lmdb {
    env: Env,
    migrations: Database<Bytes, Bytes>,
    active: Database<Bytes, Bytes>,
    events: Database<Bytes, Bytes>,
}

impl Lmdb {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        // SAFETY: the file is new, and nobody else opens it.
        let env = unsafe {
            EnvOpenOptions::new()
                .map_size(MAP_BYTES)
                .max_dbs(3)
                .open(folder)?
        };
        let mut tx = env.write_txn()?;
        let migrations = env.create_database(&mut tx, Some("migrations"))?;
        let active = env.create_database(&mut tx, Some("active"))?;
        let events = env.create_database(&mut tx, Some("events"))?;
        tx.commit()?;
        Ok(Self {
            env,
            migrations,
            active,
            events,
        })
    }
}

impl Store for Lmdb {
    fn begin(&self, _: u64, shard: u64) -> Result<()> {
        let rows = Rows::of(shard);
        let shard = shard.to_be_bytes();
        let mut tx = self.env.write_txn()?;
        if self.active.get(&tx, &shard)?.is_some() {
            return Err("the shard has a migration".into());
        }
        self.migrations.put(&mut tx, &rows.id, &rows.record)?;
        self.active.put(&mut tx, &shard, &rows.id)?;
        let last = self.events.last(&tx)?;
        let last = last.map_or(Ok(0), |(seq, _)| seq.try_into().map(u64::from_be_bytes))?;
        let next = (last + 1).to_be_bytes();
        self.events.put(&mut tx, &next, &rows.event)?;
        Ok(tx.commit()?)
    }
}
