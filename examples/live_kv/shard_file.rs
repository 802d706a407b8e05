//! One copy of a shard: a redb file with its rows and its marks.

use std::fs;
use std::path::Path;

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};

use crate::error::NodeError;
use crate::marks::{Marks, Refusal, Role};
use crate::rows::{Row, Rows, View};
use crate::token::Token;

/// Many files are open at once.
const CACHE_BYTES: usize = 8 << 20;

const MARKS: TableDefinition<'_, &str, &str> = TableDefinition::new("marks");
const THESE: &str = "these";

/// What a client wants to be written; `None`: deleted.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// The writes are durable.
pub(crate) struct Written {
    /// Their numbers, in order.
    pub(crate) seqs: Vec<u64>,
    /// The marks under which they were made.
    pub(crate) marks: Marks,
}

/// An open copy.
pub(crate) struct ShardFile {
    db: Database,
}

/// Why the copy did not change.
#[derive(Debug)]
pub(crate) enum Denied {
    Refused(Refusal),
    Node(NodeError),
}

impl<E: Into<NodeError>> From<E> for Denied {
    fn from(error: E) -> Self {
        Self::Node(error.into())
    }
}

impl ShardFile {
    /// Makes a file that is there whole, with marks and rows, or not at all: under another name
    /// first, which a node that opens its folder removes.
    pub(crate) fn create(path: &Path, marks: Marks, rows: &[Change]) -> Result<Self, NodeError> {
        let unfinished = path.with_extension("new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(NodeError::io(&unfinished)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let db = builder().create(&unfinished)?;
        let txn = db.begin_write()?;
        write_marks(&txn, marks)?;
        let mut tables = Rows::open(&txn)?;
        for row in rows {
            tables.write(&row.key, row.value.as_deref())?;
        }
        drop(tables);
        txn.commit()?;
        // A file of redb is renamed only while it is closed.
        drop(db);
        fs::rename(&unfinished, path).map_err(NodeError::io(path))?;
        sync_folder_of(path)?;
        Self::open(path)
    }

    pub(crate) fn open(path: &Path) -> Result<Self, NodeError> {
        let db = builder().open(path)?;
        Ok(Self { db })
    }

    pub(crate) fn marks(&self) -> Result<Marks, NodeError> {
        marks_in_view(&self.db.begin_read()?)
    }

    /// Writes what clients want, all of it in one transaction, unless the shard is not served
    /// here. The marks are read in that transaction: a fence is before all of it or after.
    pub(crate) fn write(&self, changes: &[Change]) -> Result<Result<Written, Role>, NodeError> {
        let txn = self.db.begin_write()?;
        let marks = marks_in(&txn)?;
        match marks.role {
            Role::Serving => {}
            role @ (Role::Arriving | Role::Fenced) => return Ok(Err(role)),
        }
        let mut rows = Rows::open(&txn)?;
        let seqs = changes
            .iter()
            .map(|change| rows.write(&change.key, change.value.as_deref()))
            .collect::<Result<_, _>>()?;
        drop(rows);
        // Only now, on the disk, may anybody hear of it.
        txn.commit()
            .map_err(|error| NodeError::Unknown(error.to_string()))?;
        Ok(Ok(Written { seqs, marks }))
    }

    /// Reads as one transaction sees the copy, its marks included.
    pub(crate) fn read<T, E: From<NodeError>>(
        &self,
        work: impl FnOnce(Marks, View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let txn = self.db.begin_read().map_err(NodeError::from)?;
        work(marks_in_view(&txn)?, View(&txn))
    }

    /// Changes the marks as `rule` says, durably.
    pub(crate) fn mark(
        &self,
        rule: impl FnOnce(Marks) -> Result<Marks, Refusal>,
    ) -> Result<(), Denied> {
        let txn = self.db.begin_write()?;
        let before = marks_in(&txn)?;
        let after = rule(before).map_err(Denied::Refused)?;
        if after != before {
            write_marks(&txn, after)?;
            txn.commit()?;
        }
        Ok(())
    }

    /// Adds to a copy that arrives, if `token` is the attempt that may.
    pub(crate) fn arrive(
        &self,
        token: Token,
        work: impl FnOnce(&mut Rows<'_>) -> Result<(), NodeError>,
    ) -> Result<(), Denied> {
        let txn = self.db.begin_write()?;
        marks_in(&txn)?
            .check_arriving(token)
            .map_err(Denied::Refused)?;
        let mut rows = Rows::open(&txn)?;
        work(&mut rows)?;
        drop(rows);
        txn.commit()?;
        Ok(())
    }

    /// Adds a batch of rows to a copy that arrives.
    pub(crate) fn copy_in(
        &self,
        token: Token,
        batch: &[Row],
        caught_up: Option<u64>,
    ) -> Result<(), Denied> {
        self.arrive(token, |rows| {
            for row in batch {
                rows.copy_in(row)?;
            }
            match caught_up {
                Some(seq) => rows.caught_up(seq),
                None => Ok(()),
            }
        })
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn marks_in(txn: &WriteTransaction) -> Result<Marks, NodeError> {
    let table = txn.open_table(MARKS)?;
    let text = table.get(THESE)?.map(|text| text.value().to_owned());
    Ok(text.unwrap_or_default().parse()?)
}

fn marks_in_view(txn: &ReadTransaction) -> Result<Marks, NodeError> {
    let table = txn.open_table(MARKS)?;
    let text = table.get(THESE)?.map(|text| text.value().to_owned());
    Ok(text.unwrap_or_default().parse()?)
}

fn write_marks(txn: &WriteTransaction, marks: Marks) -> Result<(), NodeError> {
    txn.open_table(MARKS)?
        .insert(THESE, marks.to_string().as_str())?;
    Ok(())
}

/// What was made, renamed or removed in the folder of `path` stays so.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), NodeError> {
    let folder = path.parent().unwrap_or(path);
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(NodeError::io(folder))
}
