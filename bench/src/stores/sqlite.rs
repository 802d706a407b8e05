use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::Store;
use super::rows::Rows;
use crate::Result;

/// How long a connection waits for another's transaction: longer than any run.
const WAIT: Duration = Duration::from_secs(600);

const TABLES: &str = "
    create table if not exists migrations (id blob primary key, record blob not null) without rowid;
    create table if not exists active (shard integer primary key, id blob not null);
    create table if not exists events (seq integer primary key, event blob not null);
";

/// SQLite with a write-ahead log, each commit on the disk.
pub(super) struct Sqlite {
    connections: Vec<Mutex<Connection>>,
}

impl Sqlite {
    pub(super) fn create(folder: &Path, connections: u64) -> Result<Self> {
        let path = folder.join("sqlite");
        let connect = |_| {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(WAIT)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.execute_batch(TABLES)?;
            Ok(Mutex::new(connection))
        };
        let connections = (0..connections).map(connect).collect::<Result<_>>()?;
        Ok(Self { connections })
    }
}

impl Store for Sqlite {
    fn begin(&self, caller: u64, shard: u64) -> Result<()> {
        let at = usize::try_from(caller)? % self.connections.len();
        let connection = self.connections[at].lock();
        let mut connection = connection.unwrap_or_else(PoisonError::into_inner);
        let rows = Rows::of(shard);
        let shard = i64::try_from(shard)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if tx
            .prepare_cached("select 1 from active where shard = ?1")?
            .exists([shard])?
        {
            return Err("the shard has a migration".into());
        }
        tx.prepare_cached("insert into migrations values (?1, ?2)")?
            .execute((rows.id, rows.record))?;
        tx.prepare_cached("insert into active values (?1, ?2)")?
            .execute((shard, rows.id))?;
        tx.prepare_cached("insert into events (event) values (?1)")?
            .execute([rows.event])?;
        Ok(tx.commit()?)
    }
}
