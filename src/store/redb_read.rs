use redb::{ReadTransaction, ReadableTableMetadata as _};

use super::health::Health;
use super::redb_tx::{definition, visit_rows};
use super::{ReadRows, Scan, StoreError, Visit};
use crate::schema::table::TableId;

type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Rows of a redb read transaction: one consistent state of the file. Short-lived: while it is
/// held, every commit makes the file grow.
pub(super) struct RedbRead<'store> {
    txn: ReadTransaction,
    health: &'store Health,
    open: Vec<(TableId, Table)>,
}

impl<'store> RedbRead<'store> {
    pub(super) fn new(txn: ReadTransaction, health: &'store Health) -> Self {
        Self {
            txn,
            health,
            open: Vec::new(),
        }
    }

    fn table(&mut self, id: TableId) -> Result<&Table, StoreError> {
        let at = match self.open.iter().position(|(open, _)| *open == id) {
            Some(at) => at,
            None => {
                let table = self
                    .txn
                    .open_table(definition(id))
                    .map_err(|error| self.health.failed("opening a table", error))?;
                self.open.push((id, table));
                self.open.len() - 1
            }
        };
        match self.open.get(at) {
            Some((_, table)) => Ok(table),
            None => Err(StoreError::ReopenNeeded),
        }
    }
}

impl ReadRows for RedbRead<'_> {
    fn get(&mut self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let health = self.health;
        let value = self
            .table(table)?
            .get(key)
            .map_err(|error| health.failed("reading a row", error))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(
        &mut self,
        table: TableId,
        scan: &Scan,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let health = self.health;
        visit_rows(self.table(table)?, health, scan, visit)
    }

    fn len(&mut self, table: TableId) -> Result<u64, StoreError> {
        let health = self.health;
        self.table(table)?
            .len()
            .map_err(|error| health.failed("counting rows", error))
    }
}
