use super::Fact;
use super::derive::named_by_indexes;
use crate::schema::key::{Key as _, RowKey};
use crate::schema::table::TableId;
use crate::store::{ReadRows, Scan, StoreError, each_raw_row};
use crate::tracker::MigrationTracker;
use crate::tracker::check::{TableRows, hex};

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A row is set aside that indexes name. They keep blocked what it was about, and an import, which
    /// builds them from the facts, would free it.
    #[error(
        "table {table}, key {key}: the row is set aside, and what indexes know of it is in no \
         export: give it up (`set-aside forgive`), or make a backup, which has every row"
    )]
    SetAside {
        /// The table that it was in.
        table: &'static str,
        /// Its key there, in hex.
        key: String,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an export shows, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Exported {
    /// First: how many facts will come, by table.
    Counts(Vec<TableRows>),
    /// Then each of them: by table, in the order of [`Fact::TABLES`], and within it by key.
    Fact(Box<Fact>),
}

/// An export that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// How many facts there were, by table.
    pub tables: Vec<TableRows>,
}

impl ExportReport {
    /// How many facts there were.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

impl MigrationTracker {
    /// Shows every fact of the file to `visit`, of one instant, one by one: what
    /// [`Self::import`] makes the same file of. Indexes follow from facts and are not shown.
    ///
    /// One read transaction lasts until the end: while it does, the file grows by what others
    /// write. A `visit` that waits for somebody should not be given an open database that others
    /// use.
    ///
    /// # Errors
    /// What `visit` returns, and [`ExportError`] when the file cannot be read, has a row that cannot
    /// be decoded, or one of a node, a shard, a migration or an event that was set aside: an export
    /// is complete or an error.
    pub fn export<E: From<ExportError>>(
        &self,
        visit: &mut dyn FnMut(Exported) -> Result<(), E>,
    ) -> Result<ExportReport, E> {
        let exported = self.store.read(|rows| {
            nothing_is_named(rows).map_err(|error| Ended(error.into()))?;
            let mut visit = |exported| visit(exported).map_err(Ended);
            let tables = Fact::TABLES.iter().map(|table| {
                Ok(TableRows {
                    table: table.name(),
                    rows: rows.len(*table)?,
                })
            });
            let tables: Vec<TableRows> = tables.collect::<Result<_, StoreError>>()?;
            visit(Exported::Counts(tables.clone()))?;
            for table in Fact::TABLES {
                each_raw_row(rows, *table, &mut |row| match Fact::read(*table, &row) {
                    Some(fact) => visit(Exported::Fact(Box::new(fact?))),
                    None => Err(no_fact(*table).into()),
                })?;
            }
            Ok(ExportReport { tables })
        });
        exported.map_err(|Ended(error)| error)
    }
}

/// What an export ends with instead of a report.
struct Ended<E>(E);

impl<E: From<ExportError>> From<StoreError> for Ended<E> {
    fn from(error: StoreError) -> Self {
        Self(ExportError::Store(error).into())
    }
}

/// Refuses a row that was set aside and that indexes may name.
fn nothing_is_named(rows: &mut dyn ReadRows) -> Result<(), ExportError> {
    let mut named = None;
    rows.scan(TableId::SetAside, &Scan::all(), &mut |key, _| {
        let row = RowKey::parse(key);
        let found = row.and_then(|row| Some((named_by_indexes(&row)?, row.key)));
        named = named.take().or(found);
        Ok(())
    })?;
    match named {
        Some((table, key)) => Err(ExportError::SetAside {
            table: table.name(),
            key: hex(&key),
        }),
        None => Ok(()),
    }
}

fn no_fact(table: TableId) -> StoreError {
    StoreError::inconsistent(table, &[], "a table of facts holds facts")
}
