//! Rows that were set aside, as they lie in their table: in parts.

use crate::schema::TimestampMs;
use crate::schema::key::{Key as _, RowKey};
use crate::schema::table::{SET_ASIDE, TableId};
use crate::schema::text::Reason;
use crate::schema::v1::SetAsideRow;
use crate::store::{ReadRows, Scan, StoreError, Tx, each_row, put};
use crate::tracker::MigrationTracker;

/// A row that could not be read and was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The table that it was in. `None`: the row of `set_aside` is damaged beyond that.
    pub table: Option<TableId>,
    /// Its key there.
    pub key: Vec<u8>,
    /// Its value, as it stood. `None`: a part of it is damaged in turn.
    pub value: Option<Vec<u8>>,
    /// How long its value is; 0 where that is not known.
    pub value_bytes: u64,
    /// Why it could not be read.
    pub reason: String,
    /// When it was set aside; 0 where that is not known.
    pub at_ms: TimestampMs,
}

impl MigrationTracker {
    /// Every row that was set aside, by table and key, with its bytes.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        self.store.read(|rows| list(rows))
    }
}

/// Keeps a row: its value, in as many parts as it takes.
pub(super) fn keep(
    tx: &mut dyn Tx,
    table: TableId,
    key: &[u8],
    value: &[u8],
    reason: &str,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let first = RowKey::first(table, key);
    let part_bytes = usize::try_from(SetAsideRow::VALUE_BYTES_MAX).unwrap_or(usize::MAX);
    // An empty value has a part too: the row was there.
    let empty = value.is_empty().then_some(value);
    for (part, piece) in (0..).zip(value.chunks(part_bytes).chain(empty)) {
        let row = SetAsideRow {
            value: piece.to_vec(),
            value_bytes: u64::try_from(value.len()).unwrap_or(u64::MAX),
            reason: Reason::new(reason),
            at_ms: now,
        };
        put(tx, SET_ASIDE, &first.part(part), &row)?;
    }
    Ok(())
}

/// Removes every part of a row, readable or not.
pub(super) fn remove(tx: &mut dyn Tx, first: &RowKey) -> Result<(), StoreError> {
    for part in 0..=u32::MAX {
        let place = first.part(part).to_bytes();
        if tx.get(TableId::SetAside, &place)?.is_none() {
            break;
        }
        tx.delete(TableId::SetAside, &place)?;
    }
    Ok(())
}

fn list(rows: &mut (impl ReadRows + ?Sized)) -> Result<Vec<SetAside>, StoreError> {
    let mut found: Vec<SetAside> = Vec::new();
    let mut later = Vec::new();
    each_row(rows, SET_ASIDE, &Scan::all(), &mut |raw, row| match row {
        Ok((key, row)) if key.part == 0 => found.push(SetAside {
            table: TableId::from_tag(key.table),
            key: key.key,
            value: Some(row.value),
            value_bytes: row.value_bytes,
            reason: row.reason.to_string(),
            at_ms: row.at_ms,
        }),
        Ok((key, row)) => later.push((key, row)),
        Err(bad) => {
            let first = RowKey::parse(raw).filter(|key| key.part == 0);
            let of = first.and_then(|key| Some((TableId::from_tag(key.table)?, key.key)));
            let (table, key) = match of {
                Some((table, key)) => (Some(table), key),
                None => (None, raw.to_vec()),
            };
            found.push(SetAside {
                table,
                key,
                value: None,
                value_bytes: 0,
                reason: format!("what was set aside is damaged in turn: {}", bad.reason),
                at_ms: TimestampMs(0),
            });
        }
    })?;
    for (key, row) in later {
        let table = TableId::from_tag(key.table);
        let whole = found
            .iter_mut()
            .find(|one| one.table == table && one.key == key.key);
        if let Some(value) = whole.and_then(|one| one.value.as_mut()) {
            value.extend(row.value);
        }
    }
    for one in &mut found {
        let len = one.value.as_ref().map(Vec::len);
        if len.and_then(|len| u64::try_from(len).ok()) != Some(one.value_bytes) {
            one.value = None;
        }
    }
    Ok(found)
}
