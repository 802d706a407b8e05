//! Rows that were set aside: their place is taken. What asks for one gets an error, as it did while
//! the row stood there damaged: a shard that is blocked stays blocked.

use std::ops::Bound;

use super::error::Hex;
use super::{BadRow, Direction, ReadRows, Scan, StoreError};
use crate::schema::key::{Key as _, RowKey};
use crate::schema::table::TableId;

/// Refuses a row that is not there because it was set aside.
pub(super) fn refuse(
    rows: &mut (impl ReadRows + ?Sized),
    table: TableId,
    key: &[u8],
) -> Result<(), StoreError> {
    if is_set_aside(rows, table, key)? {
        return Err(StoreError::set_aside(table, key));
    }
    Ok(())
}

/// Whether the row under `key` was set aside.
pub(super) fn is_set_aside(
    rows: &mut (impl ReadRows + ?Sized),
    table: TableId,
    key: &[u8],
) -> Result<bool, StoreError> {
    // Hardly ever is anything set aside, and this is asked for each row that is not there.
    if !applies_to(table) || rows.len(TableId::SetAside)? == 0 {
        return Ok(false);
    }
    let place = RowKey::first(table, key).to_bytes();
    Ok(rows.get(TableId::SetAside, &place)?.is_some())
}

/// The keys in `range` whose rows were set aside, of those that a scan that found `found` (and no
/// more) has passed.
pub(super) fn keys_passed(
    rows: &mut (impl ReadRows + ?Sized),
    table: TableId,
    range: &Scan,
    found: usize,
    last: Option<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut keys = Vec::new();
    if !applies_to(table) {
        return Ok(keys);
    }
    let mut passed = range.clone();
    if let Some(last) = last.filter(|_| found >= range.limit) {
        match range.direction {
            Direction::Up => passed.end = Bound::Included(last),
            Direction::Down => passed.start = Bound::Included(last),
        }
    }
    let place = |key: &Vec<u8>| RowKey::first(table, key).to_bytes();
    let whole = Scan::all().under_first_parts(table);
    let among = Scan {
        start: bound(&passed.start, place, whole.start),
        end: bound(&passed.end, place, whole.end),
        ..Scan::all()
    };
    rows.scan(TableId::SetAside, &among, &mut |bytes, _| {
        keys.extend(RowKey::parse(bytes).map(|row| row.key));
        Ok(())
    })?;
    Ok(keys)
}

/// A row that was set aside, as one that cannot be read.
pub(super) fn bad_row(table: TableId, key: &[u8]) -> BadRow {
    BadRow {
        table: table.name(),
        key: Hex(key.to_vec()).to_string(),
        reason: "it was set aside".to_owned(),
    }
}

/// An index is built again, and the table of what was set aside is no place to be set aside from.
fn applies_to(table: TableId) -> bool {
    !table.is_index() && table != TableId::SetAside
}

fn bound(
    of: &Bound<Vec<u8>>,
    place: impl Fn(&Vec<u8>) -> Vec<u8>,
    unbounded: Bound<Vec<u8>>,
) -> Bound<Vec<u8>> {
    match of {
        Bound::Included(key) => Bound::Included(place(key)),
        Bound::Excluded(key) => Bound::Excluded(place(key)),
        Bound::Unbounded => unbounded,
    }
}

impl Scan {
    /// Only the first parts of rows that were set aside from `table`.
    fn under_first_parts(self, table: TableId) -> Self {
        let first = RowKey::first(table, &[]);
        Self {
            start: Bound::Included(first.to_bytes()),
            end: Bound::Excluded(first.part(1).to_bytes()),
            ..self
        }
    }
}
