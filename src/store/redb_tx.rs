use std::ops::Bound;

use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};

use super::health::Health;
use super::{Direction, ReadRows, Scan, StoreError, Tx, Visit};
use crate::schema::table::TableId;

type Table<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;

/// The definition of a table in redb: bytes to bytes, because a typed value could only panic where
/// bytes are damaged.
pub(super) const fn definition(
    table: TableId,
) -> redb::TableDefinition<'static, &'static [u8], &'static [u8]> {
    redb::TableDefinition::new(table.name())
}

/// Rows of a redb write transaction. Tables are opened when they are first touched.
pub(super) struct RedbTx<'txn> {
    txn: &'txn WriteTransaction,
    health: &'txn Health,
    open: Vec<(TableId, Table<'txn>)>,
}

impl<'txn> RedbTx<'txn> {
    pub(super) fn new(txn: &'txn WriteTransaction, health: &'txn Health) -> Self {
        Self {
            txn,
            health,
            open: Vec::new(),
        }
    }

    fn table(&mut self, id: TableId) -> Result<&mut Table<'txn>, StoreError> {
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
        match self.open.get_mut(at) {
            Some((_, table)) => Ok(table),
            None => Err(StoreError::ReopenNeeded),
        }
    }
}

impl ReadRows for RedbTx<'_> {
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

impl Tx for RedbTx<'_> {
    fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let health = self.health;
        self.table(table)?
            .insert(key, value)
            .map_err(|error| health.failed("writing a row", error))?;
        Ok(())
    }

    fn delete(&mut self, table: TableId, key: &[u8]) -> Result<(), StoreError> {
        let health = self.health;
        self.table(table)?
            .remove(key)
            .map_err(|error| health.failed("removing a row", error))?;
        Ok(())
    }
}

/// Shows the rows of `scan` to `visit`.
pub(super) fn visit_rows(
    table: &impl redb::ReadableTable<&'static [u8], &'static [u8]>,
    health: &Health,
    scan: &Scan,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    // The end of a table is asked for with each event: no range is needed for that.
    if let (Bound::Unbounded, Bound::Unbounded, 1) = (&scan.start, &scan.end, scan.limit) {
        let row = match scan.direction {
            Direction::Up => table.first(),
            Direction::Down => table.last(),
        };
        let row = row.map_err(|error| health.failed("scanning a table", error))?;
        return row.map_or(Ok(()), |(key, value)| visit(key.value(), value.value()));
    }
    let bounds = (as_slice(&scan.start), as_slice(&scan.end));
    let mut range = table
        .range::<&[u8]>(bounds)
        .map_err(|error| health.failed("scanning a table", error))?;
    for _ in 0..scan.limit {
        let row = match scan.direction {
            Direction::Up => range.next(),
            Direction::Down => range.next_back(),
        };
        let Some(row) = row else { break };
        let (key, value) = row.map_err(|error| health.failed("scanning a table", error))?;
        visit(key.value(), value.value())?;
    }
    Ok(())
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}
