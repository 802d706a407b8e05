use std::ops::Bound;

use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};

use super::commit::Left;
use super::health::Health;
use super::{Direction, Known, ReadRows, Scan, StoreError, Tx, Visit};
use crate::schema::table::TableId;
use crate::schema::wal::{Change, Changes};

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
    /// What was written, where somebody wants to know.
    changes: Option<Changes>,
    /// What takes back what was written since the newest mark, the last first. `None`: nothing can be
    /// taken back.
    undo: Option<Changes>,
    known: Known,
    /// redb is writing. Where that panics, nobody knows how far it came.
    is_writing: bool,
}

/// How far a transaction was.
pub(super) struct Mark {
    /// Of the changes.
    len: usize,
}

impl<'txn> RedbTx<'txn> {
    pub(super) fn new(txn: &'txn WriteTransaction, health: &'txn Health) -> Self {
        Self {
            txn,
            health,
            open: Vec::new(),
            changes: None,
            undo: None,
            known: Known::default(),
            is_writing: false,
        }
    }

    /// Knows this of the file as it is.
    pub(super) fn knowing(mut self, known: Known) -> Self {
        self.known = known;
        self
    }

    /// Keeps what is written, for [`Self::into_left`], if that is wanted.
    pub(super) fn noting(mut self, is_wanted: bool) -> Self {
        self.changes = is_wanted.then(Changes::default);
        self
    }

    /// From here on, what is written can be taken back.
    pub(super) fn mark(&mut self) -> Mark {
        self.undo.get_or_insert_default().clear();
        Mark {
            len: self.changes.as_ref().map_or(0, Changes::len),
        }
    }

    /// Takes back what was written since `mark`, which is the newest one.
    pub(super) fn take_back(&mut self, mark: &Mark) -> Result<(), StoreError> {
        if self.is_writing {
            self.health.give_up();
            return Err(StoreError::ReopenNeeded);
        }
        let undo = self.undo.take().unwrap_or_default();
        let Some(each) = undo.iter().collect::<Option<Vec<_>>>() else {
            self.health.give_up();
            return Err(StoreError::ReopenNeeded);
        };
        for Change { table, key, value } in each.into_iter().rev() {
            self.write(table, key, value)?;
        }
        if let Some(changes) = &mut self.changes {
            changes.truncate(mark.len);
        }
        Ok(())
    }

    /// Writes a row, or removes it.
    fn write(&mut self, id: TableId, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        let health = self.health;
        let is_undone = self.undo.is_some();
        self.known.forget(id);
        self.is_writing = true;
        let table = self.table(id)?;
        let (written, doing) = match value {
            Some(value) => (table.insert(key, value), "writing a row"),
            None => (table.remove(key), "removing a row"),
        };
        let before = written.map_err(|error| health.failed(doing, error))?;
        let before = before.filter(|_| is_undone);
        let before = before.map(|before| before.value().to_vec());
        self.is_writing = false;
        let change = Change {
            table: id,
            key,
            value,
        };
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
        if let Some(undo) = &mut self.undo {
            let value = before.as_deref();
            undo.push(Change { value, ..change });
        }
        Ok(())
    }

    /// What it leaves to its commit.
    pub(super) fn into_left(self) -> Left {
        Left {
            changes: self.changes.unwrap_or_default(),
            known: self.known,
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
        self.write(table, key, Some(value))
    }

    fn delete(&mut self, table: TableId, key: &[u8]) -> Result<(), StoreError> {
        self.write(table, key, None)
    }

    fn known(&mut self) -> Option<&mut Known> {
        Some(&mut self.known)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::Database;
    use redb::backends::InMemoryBackend;

    use super::*;

    const TABLES: [TableId; 2] = [TableId::Nodes, TableId::Shards];

    fn rows(tx: &mut dyn ReadRows) -> Vec<(TableId, Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        for table in TABLES {
            tx.scan(table, &Scan::all(), &mut |key, value| {
                found.push((table, key.to_vec(), value.to_vec()));
                Ok(())
            })
            .unwrap();
        }
        found
    }

    fn make(tx: &mut RedbTx<'_>, changes: &[(bool, u8, Option<u8>)]) {
        for (table, key, value) in changes {
            let table = TABLES[usize::from(*table)];
            match value {
                Some(value) => tx.put(table, &[*key], &[*value]).unwrap(),
                None => tx.delete(table, &[*key]).unwrap(),
            }
        }
    }

    fn database() -> Database {
        let memory = InMemoryBackend::new();
        Database::builder().create_with_backend(memory).unwrap()
    }

    fn changes() -> impl Strategy<Value = Vec<(bool, u8, Option<u8>)>> {
        let change = (any::<bool>(), 0..12_u8, prop::option::of(0..20_u8));
        prop::collection::vec(change, 0..12)
    }

    proptest! {
        /// What is taken back was never there; what came before and after it stays. The changes that are
        /// noted make the same rows elsewhere.
        #[test]
        fn what_is_taken_back_was_never_there(
            first in changes(),
            taken_back in changes(),
            last in changes(),
        ) {
            let (db, health) = (database(), Health::default());
            let txn = db.begin_write().unwrap();
            let mut tx = RedbTx::new(&txn, &health).noting(true);
            tx.mark();
            make(&mut tx, &first);
            let before = rows(&mut tx);
            let mark = tx.mark();
            make(&mut tx, &taken_back);
            tx.take_back(&mark).unwrap();
            prop_assert_eq!(rows(&mut tx), before);
            tx.mark();
            make(&mut tx, &last);
            let after = rows(&mut tx);
            let noted = tx.into_left().changes;

            let elsewhere = database();
            let txn = elsewhere.begin_write().unwrap();
            let mut tx = RedbTx::new(&txn, &health);
            make(&mut tx, &first);
            make(&mut tx, &last);
            prop_assert_eq!(&rows(&mut tx), &after);
            drop(tx);
            let mut kept = RedbTx::new(&txn, &health).noting(true);
            make(&mut kept, &first);
            make(&mut kept, &last);
            prop_assert_eq!(kept.into_left().changes, noted);
        }
    }

    /// A panic of redb in the middle of a write is not one of the operation: its neighbours must not be
    /// committed with what it left.
    #[test]
    fn nothing_is_taken_back_where_redb_panicked() {
        let (db, health) = (database(), Health::default());
        let txn = db.begin_write().unwrap();
        let mut tx = RedbTx::new(&txn, &health);
        let mark = tx.mark();
        tx.is_writing = true;
        let refused = tx.take_back(&mark);
        assert!(matches!(refused, Err(StoreError::ReopenNeeded)));
        assert!(health.usable().is_err());
    }
}
