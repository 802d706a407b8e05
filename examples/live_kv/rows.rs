//! The rows of a shard, inside one transaction.
//!
//! Each write has the next number of its shard. `changes` leads from the number of the newest
//! write of each key to the key: what was written since number N is what stands behind N, once per
//! key, deletions included. That is all that catching up needs, and it is durable with the write.

use redb::{ReadTransaction, ReadableTable as _, Table, TableDefinition, WriteTransaction};

use crate::error::NodeError;

/// Key -> number of its newest write, and the value; `None`: deleted.
const DATA: TableDefinition<'_, &[u8], (u64, Option<&[u8]>)> = TableDefinition::new("data");
/// Number of the newest write of a key -> the key.
const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("changes");
const COUNTS: TableDefinition<'_, &str, u64> = TableDefinition::new("counts");

/// The number of the newest write.
const SEQ: &str = "seq";
/// Bytes of live keys and values.
const BYTES: &str = "bytes";
/// At a destination: the number that the copy began after.
const BASE: &str = "base";

/// One key as its newest write left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Vec<u8>,
    pub(crate) seq: u64,
    /// `None`: deleted.
    pub(crate) value: Option<Vec<u8>>,
}

impl Row {
    /// What it takes to move it.
    pub(crate) fn bytes(&self) -> u64 {
        bytes_of(&self.key, self.value.as_deref())
    }
}

fn bytes_of(key: &[u8], value: Option<&[u8]>) -> u64 {
    let bytes = value.map_or(0, |value| key.len().saturating_add(value.len()));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// How much a batch holds at most: what one transaction takes, and what is copied again after a
/// crash.
const BATCH_ROWS_MAX: usize = 512;
const BATCH_BYTES_MAX: u64 = 256 * 1024;

/// The rows in a write transaction.
pub(crate) struct Rows<'t> {
    data: Table<'t, &'static [u8], (u64, Option<&'static [u8]>)>,
    changes: Table<'t, u64, &'static [u8]>,
    counts: Table<'t, &'static str, u64>,
    bytes: u64,
}

impl<'t> Rows<'t> {
    pub(crate) fn open(txn: &'t WriteTransaction) -> Result<Self, NodeError> {
        let counts = txn.open_table(COUNTS)?;
        let bytes = counts.get(BYTES)?.map_or(0, |count| count.value());
        Ok(Self {
            data: txn.open_table(DATA)?,
            changes: txn.open_table(CHANGES)?,
            counts,
            bytes,
        })
    }

    pub(crate) fn seq(&self) -> Result<u64, NodeError> {
        Ok(self.counts.get(SEQ)?.map_or(0, |count| count.value()))
    }

    /// A write of a client: gets the next number.
    pub(crate) fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<u64, NodeError> {
        let seq = self.seq()?.saturating_add(1);
        self.put(key, seq, value)?;
        self.counts.insert(SEQ, seq)?;
        Ok(seq)
    }

    /// A row that is copied here: an older write of its key never replaces a newer one.
    pub(crate) fn copy_in(&mut self, row: &Row) -> Result<(), NodeError> {
        self.put(&row.key, row.seq, row.value.as_deref())
    }

    fn put(&mut self, key: &[u8], seq: u64, value: Option<&[u8]>) -> Result<(), NodeError> {
        if let Some((old_seq, old_bytes)) = self.found(key)? {
            if old_seq > seq {
                return Ok(());
            }
            self.changes.remove(old_seq)?;
            self.bytes = self.bytes.saturating_sub(old_bytes);
        }
        self.data.insert(key, (seq, value))?;
        self.changes.insert(seq, key)?;
        self.bytes = self.bytes.saturating_add(bytes_of(key, value));
        self.counts.insert(BYTES, self.bytes)?;
        Ok(())
    }

    fn found(&self, key: &[u8]) -> Result<Option<(u64, u64)>, NodeError> {
        Ok(self.data.get(key)?.map(|found| {
            let (seq, value) = found.value();
            (seq, bytes_of(key, value))
        }))
    }

    /// Everything up to this number is here.
    pub(crate) fn caught_up(&mut self, seq: u64) -> Result<(), NodeError> {
        self.counts.insert(SEQ, seq)?;
        Ok(())
    }

    pub(crate) fn set_base(&mut self, seq: u64) -> Result<(), NodeError> {
        self.counts.insert(BASE, seq)?;
        Ok(())
    }

    /// Changes the first value and nothing else: what a faulty disk or wire might do to a copy.
    pub(crate) fn scribble(&mut self) -> Result<(), NodeError> {
        let first = (self.data.iter()?.next().transpose()?)
            .map(|(key, found)| (key.value().to_vec(), found.value().0));
        if let Some((key, seq)) = first {
            self.data
                .insert(key.as_slice(), (seq, Some(b"scribble".as_slice())))?;
        }
        Ok(())
    }
}

/// What a batch of rows is, and where the next one begins.
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    /// All changes up to this number are in this batch or those before it.
    pub(crate) through: u64,
}

/// The rows as one read transaction sees them. Short: while it is open, the file keeps every page
/// that a write replaces.
pub(crate) struct View<'t>(pub(crate) &'t ReadTransaction);

impl View<'_> {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Row>, NodeError> {
        let table = self.0.open_table(DATA)?;
        let found = table.get(key)?;
        Ok(found.map(|found| row(key, found.value())))
    }

    pub(crate) fn seq(&self) -> Result<u64, NodeError> {
        self.count(SEQ)
    }

    pub(crate) fn base(&self) -> Result<u64, NodeError> {
        self.count(BASE)
    }

    /// Bytes of live keys and values.
    pub(crate) fn bytes(&self) -> Result<u64, NodeError> {
        self.count(BYTES)
    }

    fn count(&self, name: &str) -> Result<u64, NodeError> {
        let counts = self.0.open_table(COUNTS)?;
        let count = counts.get(name)?;
        Ok(count.map_or(0, |count| count.value()))
    }

    /// The live rows behind `after`, a batch of them.
    pub(crate) fn rows_after(&self, after: Option<&[u8]>) -> Result<Vec<Row>, NodeError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let table = self.0.open_table(DATA)?;
        let start = after.map_or(Unbounded, Excluded);
        let mut rows = Vec::new();
        let mut bytes = 0_u64;
        for entry in table.range::<&[u8]>((start, Unbounded))? {
            let (key, found) = entry?;
            let row = row(key.value(), found.value());
            if row.value.is_none() {
                // Nothing that was deleted before the copy began is at the destination.
                continue;
            }
            bytes = bytes.saturating_add(row.bytes());
            rows.push(row);
            if rows.len() >= BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(rows)
    }

    /// What was written after number `after`, a batch of it, deletions included.
    pub(crate) fn changes_after(&self, after: u64) -> Result<Batch, NodeError> {
        let data = self.0.open_table(DATA)?;
        let changes = self.0.open_table(CHANGES)?;
        let mut rows: Vec<Row> = Vec::new();
        for entry in changes.range(after.saturating_add(1)..)? {
            if rows.len() >= BATCH_ROWS_MAX {
                let through = rows.last().map_or(after, |row| row.seq);
                return Ok(Batch { rows, through });
            }
            let (_, key) = entry?;
            if let Some(found) = data.get(key.value())? {
                rows.push(row(key.value(), found.value()));
            }
        }
        Ok(Batch {
            rows,
            through: self.seq()?,
        })
    }

    /// Calls `each` with every live row, in the order of keys.
    pub(crate) fn each<E: From<NodeError>>(
        &self,
        mut each: impl FnMut(&[u8], u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = self.0.open_table(DATA).map_err(NodeError::from)?;
        for entry in table.iter().map_err(NodeError::from)? {
            let (key, found) = entry.map_err(NodeError::from)?;
            if let (seq, Some(value)) = found.value() {
                each(key.value(), seq, value)?;
            }
        }
        Ok(())
    }
}

fn row(key: &[u8], (seq, value): (u64, Option<&[u8]>)) -> Row {
    Row {
        key: key.to_vec(),
        seq,
        value: value.map(<[u8]>::to_vec),
    }
}
