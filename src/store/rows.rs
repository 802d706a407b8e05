//! Typed rows over the transaction interface.

use super::{BadRow, ReadRows, Scan, StoreError, Tx};
use crate::schema::codec::Record;
use crate::schema::key::{Key, RetentionKey};
use crate::schema::table::{self, Table};
use crate::schema::{EventSeq, TimestampMs};

/// The row under `key`.
pub(crate) fn get<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    key: &R::Key,
) -> Result<Option<R>, StoreError> {
    let bytes = key.to_bytes();
    match rows.get(table.id(), &bytes)? {
        None => Ok(None),
        Some(value) => decode(table, key, &bytes, &value).map(Some),
    }
}

/// Whether there is a row under `key`.
pub(crate) fn has<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    key: &R::Key,
) -> Result<bool, StoreError> {
    Ok(rows.get(table.id(), &key.to_bytes())?.is_some())
}

/// Writes a row.
pub(crate) fn put<R: Record>(
    tx: &mut (impl Tx + ?Sized),
    table: Table<R>,
    key: &R::Key,
    record: &R,
) -> Result<(), StoreError> {
    let value = table
        .encode(key, record)
        .map_err(|source| StoreError::Encode {
            table: table.id().name(),
            source,
        })?;
    tx.put(table.id(), &key.to_bytes(), &value)
}

/// Removes a row, if it is there.
pub(crate) fn delete<R: Record>(
    tx: &mut (impl Tx + ?Sized),
    table: Table<R>,
    key: &R::Key,
) -> Result<(), StoreError> {
    tx.delete(table.id(), &key.to_bytes())
}

/// Some rows; the first damaged one is an error.
pub(crate) fn scan<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
) -> Result<Vec<(R::Key, R)>, StoreError> {
    let mut found = Vec::new();
    rows.scan(table.id(), range, &mut |key, value| {
        found.push(decode_row(table, key, value)?);
        Ok(())
    })?;
    Ok(found)
}

/// Some rows; damaged ones are put into `bad` and passed over.
pub(crate) fn scan_lenient<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
    bad: &mut Vec<BadRow>,
) -> Result<Vec<(R::Key, R)>, StoreError> {
    let mut found = Vec::new();
    rows.scan(table.id(), range, &mut |key, value| {
        match decode_row(table, key, value) {
            Ok(row) => found.push(row),
            Err(error) => bad.push(error.as_bad_row(table.id(), key).ok_or(error)?),
        }
        Ok(())
    })?;
    Ok(found)
}

/// The keys of some rows.
pub(crate) fn scan_keys<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
) -> Result<Vec<R::Key>, StoreError> {
    let mut found = Vec::new();
    rows.scan(table.id(), range, &mut |key, _| {
        found.push(
            table
                .key(key)
                .map_err(|source| StoreError::key(table.id(), source))?,
        );
        Ok(())
    })?;
    Ok(found)
}

/// The row with the smallest key in `range`.
pub(crate) fn first<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: Scan,
) -> Result<Option<(R::Key, R)>, StoreError> {
    Ok(scan(rows, table, &Scan { limit: 1, ..range })?.pop())
}

/// The row with the largest key in `range`.
pub(crate) fn last<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: Scan,
) -> Result<Option<(R::Key, R)>, StoreError> {
    let range = Scan {
        limit: 1,
        direction: super::Direction::Down,
        ..range
    };
    Ok(scan(rows, table, &range)?.pop())
}

/// Where the log goes on: after its last event and everything that was pruned, and not before the
/// time of the last event.
pub(crate) fn log_end(
    rows: &mut (impl ReadRows + ?Sized),
) -> Result<(EventSeq, TimestampMs), StoreError> {
    // A damaged event must not stop the log: then only its key counts.
    let mut newest = EventSeq(0);
    let mut newest_ms = TimestampMs(0);
    rows.scan(table::EVENTS.id(), &Scan::last(1), &mut |key, value| {
        if let Ok(seq) = table::EVENTS.key(key) {
            newest = seq;
            let event = table::EVENTS.decode(&seq, value);
            newest_ms = event.map(|event| event.at_ms).unwrap_or_default();
        }
        Ok(())
    })?;
    let pruned = get(rows, table::RETENTION, &RetentionKey::Pruned)?
        .unwrap_or_default()
        .through;
    Ok((newest.max(pruned).next(), newest_ms))
}

fn decode_row<R: Record>(
    table: Table<R>,
    key: &[u8],
    value: &[u8],
) -> Result<(R::Key, R), StoreError> {
    let parsed = table
        .key(key)
        .map_err(|source| StoreError::key(table.id(), source))?;
    let record = decode(table, &parsed, key, value)?;
    Ok((parsed, record))
}

fn decode<R: Record>(
    table: Table<R>,
    key: &R::Key,
    key_bytes: &[u8],
    value: &[u8],
) -> Result<R, StoreError> {
    table
        .decode(key, value)
        .map_err(|source| StoreError::row(table.id(), key_bytes, source))
}
