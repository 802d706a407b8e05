use std::sync::Arc;
use std::sync::OnceLock;

use redb::{ReadTransaction, ReadableTableMetadata as _};

use super::health::Health;
use super::redb_tx::{definition, visit_rows};
use super::{ReadRows, Scan, StoreError, Visit};
use crate::schema::table::TableId;

type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// One consistent state of the file, for any number of readers. While somebody holds it, what commits
/// free cannot be used again, and the file grows.
pub(super) struct FileState {
    txn: ReadTransaction,
    /// By tag; each is opened when it is first read.
    tables: Vec<OnceLock<Table>>,
}

impl FileState {
    pub(super) fn new(txn: ReadTransaction) -> Self {
        let tags = TableId::ALL.iter().map(|table| usize::from(table.tag()));
        let tables = tags.max().unwrap_or_default() + 1;
        Self {
            txn,
            tables: std::iter::repeat_with(OnceLock::new).take(tables).collect(),
        }
    }

    fn table(&self, id: TableId, health: &Health) -> Result<&Table, StoreError> {
        let place = self.tables.get(usize::from(id.tag()));
        let place = place.ok_or(StoreError::ReopenNeeded)?;
        if let Some(table) = place.get() {
            return Ok(table);
        }
        let table = self.txn.open_table(definition(id));
        let table = table.map_err(|error| health.failed("opening a table", error))?;
        Ok(place.get_or_init(|| table))
    }
}

/// Rows of a state.
pub(super) struct RedbRead<'store> {
    state: Arc<FileState>,
    health: &'store Health,
}

impl<'store> RedbRead<'store> {
    pub(super) fn new(state: Arc<FileState>, health: &'store Health) -> Self {
        Self { state, health }
    }
}

impl ReadRows for RedbRead<'_> {
    fn get(&mut self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self
            .state
            .table(table, self.health)?
            .get(key)
            .map_err(|error| self.health.failed("reading a row", error))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(
        &mut self,
        table: TableId,
        scan: &Scan,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let table = self.state.table(table, self.health)?;
        visit_rows(table, self.health, scan, visit)
    }

    fn len(&mut self, table: TableId) -> Result<u64, StoreError> {
        self.state
            .table(table, self.health)?
            .len()
            .map_err(|error| self.health.failed("counting rows", error))
    }
}
