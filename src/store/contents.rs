//! Rows as they stand, whether they can be decoded or not: shown one by one, and summed up.

use std::ops::Bound;

use super::{ReadRows, Row, Scan, StoreError};
use crate::schema::table::TableId;

/// How many rows are in memory at once; each has at most 64 KiB.
const BATCH_ROWS: usize = 128;

/// What a file holds, row for row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// How many rows each table has.
    pub(crate) tables: Vec<(TableId, u64)>,
    /// Bytes of all keys and values.
    pub(crate) bytes: u64,
    /// The digest of every table, key and value.
    pub(crate) digest: blake3::Hash,
}

impl Contents {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Shows the rows of `table` to `visit`, in the order of their keys.
pub(crate) fn each_raw_row<E: From<StoreError>>(
    rows: &mut dyn ReadRows,
    table: TableId,
    visit: &mut dyn FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = Bound::Unbounded;
    loop {
        let scan = Scan {
            start: after,
            ..Scan::first(BATCH_ROWS)
        };
        let mut batch = Vec::new();
        rows.scan(table, &scan, &mut |key, value| {
            batch.push(Row {
                key: key.to_vec(),
                value: value.to_vec(),
            });
            Ok(())
        })?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = Bound::Excluded(last.key.clone());
        batch.into_iter().try_for_each(&mut *visit)?;
    }
}

/// Sums up every row, and shows it to `visit`.
pub(crate) fn contents<E: From<StoreError>>(
    rows: &mut dyn ReadRows,
    visit: &mut dyn FnMut(TableId, &Row) -> Result<(), E>,
) -> Result<Contents, E> {
    let mut hasher = blake3::Hasher::new();
    let mut tables = Vec::new();
    let mut bytes = 0_u64;
    for table in TableId::ALL {
        let mut count = 0_u64;
        each_raw_row(rows, *table, &mut |row| {
            count = count.saturating_add(1);
            hasher.update(&[table.tag()]);
            for part in [&row.key, &row.value] {
                let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
                bytes = bytes.saturating_add(len);
                // With its length: no two lists of rows run together to the same bytes.
                hasher.update(&len.to_le_bytes()).update(part);
            }
            visit(*table, &row)
        })?;
        tables.push((*table, count));
    }
    Ok(Contents {
        tables,
        bytes,
        digest: hasher.finalize(),
    })
}
