//! Rows in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::schema::table::TableId;
use crate::store::{Direction, ReadRows, Scan, StoreError, Tx, Visit};

/// Rows of one table in memory.
#[derive(Clone, Default)]
pub(in crate::store) struct Rows(pub(in crate::store) BTreeMap<Vec<u8>, Vec<u8>>);

impl ReadRows for Rows {
    fn get(&mut self, _: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&mut self, _: TableId, scan: &Scan, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if is_empty(scan) {
            return Ok(());
        }
        let range = self
            .0
            .range::<Vec<u8>, _>((scan.start.as_ref(), scan.end.as_ref()));
        let rows: Vec<_> = match scan.direction {
            Direction::Up => range.collect(),
            Direction::Down => range.rev().collect(),
        };
        let mut rows = rows.into_iter().take(scan.limit);
        rows.try_for_each(|(key, value)| visit(key, value))
    }

    fn len(&mut self, _: TableId) -> Result<u64, StoreError> {
        Ok(self.0.len() as u64)
    }
}

impl Tx for Rows {
    fn put(&mut self, _: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, _: TableId, key: &[u8]) -> Result<(), StoreError> {
        self.0.remove(key);
        Ok(())
    }
}

/// Whether no key is in the range: the standard library panics on some of these.
fn is_empty(scan: &Scan) -> bool {
    match (&scan.start, &scan.end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
    }
}
