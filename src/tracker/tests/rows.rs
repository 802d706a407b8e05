use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use crate::schema::table::TableId;
use crate::store::{Direction, ReadRows, Scan, StoreError, Tx, Visit};

type Table = BTreeMap<Vec<u8>, Rc<[u8]>>;

/// Rows in memory. A copy costs little: tables are shared until one of them is written.
#[derive(Clone, Debug)]
pub(super) struct MemoryRows {
    tables: Vec<Rc<Table>>,
}

impl MemoryRows {
    pub(super) fn new() -> Self {
        let tables = TableId::ALL.iter().map(|_| Rc::default()).collect();
        Self { tables }
    }

    /// Whether both are the same copy: nothing was written between them.
    pub(super) fn is(&self, other: &Self) -> bool {
        let mut pairs = self.tables.iter().zip(&other.tables);
        pairs.all(|(one, other)| Rc::ptr_eq(one, other))
    }

    fn at(table: TableId) -> usize {
        let at = TableId::ALL.iter().position(|id| *id == table);
        at.unwrap()
    }

    fn table(&self, table: TableId) -> &Table {
        &self.tables[Self::at(table)]
    }

    fn table_mut(&mut self, table: TableId) -> &mut Table {
        Rc::make_mut(&mut self.tables[Self::at(table)])
    }
}

impl ReadRows for MemoryRows {
    fn get(&mut self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.table(table).get(key).map(|value| value.to_vec()))
    }

    fn scan(
        &mut self,
        table: TableId,
        scan: &Scan,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>) = (scan.start.clone(), scan.end.clone());
        let mut range = self.table(table).range::<Vec<u8>, _>(bounds);
        for _ in 0..scan.limit {
            let row = match scan.direction {
                Direction::Up => range.next(),
                Direction::Down => range.next_back(),
            };
            let Some((key, value)) = row else { break };
            visit(key, value)?;
        }
        Ok(())
    }

    fn len(&mut self, table: TableId) -> Result<u64, StoreError> {
        Ok(self.table(table).len().try_into().unwrap())
    }
}

impl Tx for MemoryRows {
    fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.table_mut(table).insert(key.to_vec(), value.into());
        Ok(())
    }

    fn delete(&mut self, table: TableId, key: &[u8]) -> Result<(), StoreError> {
        self.table_mut(table).remove(key);
        Ok(())
    }
}
