use super::Fact;
use crate::schema::table::TableId;
use crate::store::{StoreError, each_raw_row};
use crate::tracker::MigrationTracker;
use crate::tracker::check::TableRows;

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
    /// What `visit` returns, and [`StoreError`] when the file cannot be read or has a row that
    /// cannot be decoded: an export is complete or an error.
    pub fn export<E: From<StoreError>>(
        &self,
        visit: &mut dyn FnMut(Exported) -> Result<(), E>,
    ) -> Result<ExportReport, E> {
        self.store.read(|rows| {
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
        })
    }
}

fn no_fact(table: TableId) -> StoreError {
    StoreError::inconsistent(table, &[], "a table of facts holds facts")
}
