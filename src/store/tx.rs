use std::ops::Bound;

use super::{Known, StoreError};
use crate::schema::key::Key;
use crate::schema::table::TableId;

/// A key and a value, as they stand in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: Vec<u8>,
    /// The value, in its envelope.
    pub value: Vec<u8>,
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key on.
    Up,
    /// From the largest key on.
    Down,
}

/// Some rows of a table: a range of keys, a direction, and at most so many.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The smallest key.
    pub start: Bound<Vec<u8>>,
    /// The largest key.
    pub end: Bound<Vec<u8>>,
    /// Which way.
    pub direction: Direction,
    /// At most so many rows.
    pub limit: usize,
}

impl Scan {
    /// The first `limit` rows.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
            direction: Direction::Up,
            limit,
        }
    }

    /// The last `limit` rows, the last one first.
    #[must_use]
    pub fn last(limit: usize) -> Self {
        Self {
            direction: Direction::Down,
            ..Self::first(limit)
        }
    }

    /// All rows: only where the work is not bounded anyway (snapshots, checks).
    #[must_use]
    pub fn all() -> Self {
        Self::first(usize::MAX)
    }

    /// Only keys after `key`.
    #[must_use]
    pub fn after(self, key: &impl Key) -> Self {
        Self {
            start: Bound::Excluded(key.to_bytes()),
            ..self
        }
    }

    /// Only keys up to and including `key`.
    #[must_use]
    pub fn up_to(self, key: &impl Key) -> Self {
        Self {
            end: Bound::Included(key.to_bytes()),
            ..self
        }
    }

    /// Only keys from `key` on.
    #[must_use]
    pub fn from(self, key: &impl Key) -> Self {
        Self {
            start: Bound::Included(key.to_bytes()),
            ..self
        }
    }

    /// Only keys that begin with the bytes of `prefix`.
    #[must_use]
    pub fn under(self, prefix: &impl Key) -> Self {
        let prefix = prefix.to_bytes();
        let mut end = prefix.clone();
        // The next prefix of the same length: add one, with carry.
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                break;
            }
        }
        Self {
            start: Bound::Included(prefix),
            end: if end.is_empty() {
                Bound::Unbounded
            } else {
                Bound::Excluded(end)
            },
            ..self
        }
    }
}

/// What is shown the rows of a scan: key and value.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// Reads rows of one consistent state.
pub trait ReadRows {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    fn get(&mut self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows rows to `visit`, one by one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read, or what `visit` returns.
    fn scan(
        &mut self,
        table: TableId,
        scan: &Scan,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError>;

    /// How many rows the table has.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    fn len(&mut self, table: TableId) -> Result<u64, StoreError>;
}

/// Reads and writes rows: all of it or none of it becomes the state of the file.
pub trait Tx: ReadRows {
    /// Writes a row.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Removes a row, if it is there.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    fn delete(&mut self, table: TableId, key: &[u8]) -> Result<(), StoreError>;

    /// What it knows without looking. `None`: it keeps nothing in mind.
    fn known(&mut self) -> Option<&mut Known> {
        None
    }
}
