use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::Store;
use super::rows::Rows;
use crate::Result;

/// fjall, each batch on the disk. That nobody else begins the same shard between the look and the
/// batch is left to the caller, in fjall's favour.
pub(super) struct Fjall {
    db: Database,
    migrations: Keyspace,
    active: Keyspace,
    events: Keyspace,
    seq: AtomicU64,
}

impl Fjall {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let db = Database::builder(folder.join("fjall")).open()?;
        let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default);
        Ok(Self {
            migrations: keyspace("migrations")?,
            active: keyspace("active")?,
            events: keyspace("events")?,
            seq: AtomicU64::new(0),
            db,
        })
    }
}

impl Store for Fjall {
    fn begin(&self, _: u64, shard: u64) -> Result<()> {
        let rows = Rows::of(shard);
        let shard = shard.to_be_bytes();
        if self.active.contains_key(shard)? {
            return Err("the shard has a migration".into());
        }
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.migrations, rows.id, rows.record);
        batch.insert(&self.active, shard, rows.id);
        batch.insert(&self.events, seq.to_be_bytes(), rows.event);
        Ok(batch.commit()?)
    }
}
