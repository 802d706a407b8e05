//! Typed rows over the transaction interface.

use super::{BadRow, ReadRows, Scan, StoreError, Tx, set_aside};
use crate::schema::codec::Record;
use crate::schema::key::Key;
use crate::schema::table::Table;

/// The row under `key`. One that was set aside is an error, as it was while it stood there.
pub(crate) fn get<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    key: &R::Key,
) -> Result<Option<R>, StoreError> {
    let bytes = key.to_bytes();
    match rows.get(table.id(), &bytes)? {
        None => set_aside::refuse(rows, table.id(), &bytes).map(|()| None),
        Some(value) => decode(table, key, &bytes, &value).map(Some),
    }
}

/// Whether there is a row under `key`: one that cannot be read, or was set aside, is one.
pub(crate) fn has<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    key: &R::Key,
) -> Result<bool, StoreError> {
    let key = key.to_bytes();
    Ok(rows.get(table.id(), &key)?.is_some() || set_aside::is_set_aside(rows, table.id(), &key)?)
}

/// Writes a row.
pub(crate) fn put<R: Record>(
    tx: &mut (impl Tx + ?Sized),
    table: Table<R>,
    key: &R::Key,
    record: &R,
) -> Result<(), StoreError> {
    let bytes = key.to_bytes();
    let value = table
        .encode_under(key, &bytes, record)
        .map_err(|source| StoreError::Encode {
            table: table.id().name(),
            source,
        })?;
    tx.put(table.id(), &bytes, &value)
}

/// Removes a row, if it is there.
pub(crate) fn delete<R: Record>(
    tx: &mut (impl Tx + ?Sized),
    table: Table<R>,
    key: &R::Key,
) -> Result<(), StoreError> {
    tx.delete(table.id(), &key.to_bytes())
}

/// Some rows; the first that is damaged or set aside is an error.
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
    let last = found.last().map(|(key, _): &(R::Key, R)| key.to_bytes());
    match set_aside::keys_passed(rows, table.id(), range, found.len(), last)?.first() {
        Some(key) => Err(StoreError::set_aside(table.id(), key)),
        None => Ok(found),
    }
}

/// Some rows; those that are damaged or set aside are put into `bad` and passed over.
pub(crate) fn scan_lenient<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
    bad: &mut Vec<BadRow>,
) -> Result<Vec<(R::Key, R)>, StoreError> {
    let mut found = Vec::new();
    visit_lenient(rows, table, range, bad, |key, row| found.push((key, row)))?;
    Ok(found)
}

/// As [`scan_lenient`], without the keys.
pub(crate) fn records_lenient<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
    bad: &mut Vec<BadRow>,
) -> Result<Vec<R>, StoreError> {
    let mut found = Vec::new();
    visit_lenient(rows, table, range, bad, |_, row| found.push(row))?;
    Ok(found)
}

fn visit_lenient<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
    bad: &mut Vec<BadRow>,
    mut visit: impl FnMut(R::Key, R),
) -> Result<(), StoreError> {
    let mut seen = 0_usize;
    let mut last = Vec::new();
    each_row(rows, table, range, &mut |key, row| {
        match row {
            Ok((key, row)) => visit(key, row),
            Err(row) => bad.push(row),
        }
        seen = seen.saturating_add(1);
        last.clear();
        last.extend_from_slice(key);
    })?;
    let last = (seen > 0).then_some(last);
    let passed = set_aside::keys_passed(rows, table.id(), range, seen, last)?;
    let set_aside = passed.iter();
    bad.extend(set_aside.map(|key| set_aside::bad_row(table.id(), key)));
    Ok(())
}

/// A row that was read, or why it could not be.
pub(crate) type Decoded<R> = Result<(<R as Record>::Key, R), BadRow>;

/// Shows some rows with their raw keys, those that stand in the table and no others.
pub(crate) fn each_row<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
    visit: &mut impl FnMut(&[u8], Decoded<R>),
) -> Result<(), StoreError> {
    rows.scan(table.id(), range, &mut |key, value| {
        let row = match decode_row(table, key, value) {
            Ok(row) => Ok(row),
            Err(error) => Err(error.as_bad_row(table.id(), key).ok_or(error)?),
        };
        visit(key, row);
        Ok(())
    })
}

/// The keys of some rows, then of those among them that were set aside.
pub(crate) fn scan_keys<R: Record>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    range: &Scan,
) -> Result<Vec<R::Key>, StoreError> {
    let parse = |key: &[u8]| {
        table
            .key(key)
            .map_err(|source| StoreError::key(table.id(), source))
    };
    let mut found = Vec::new();
    rows.scan(table.id(), range, &mut |key, _| {
        found.push(parse(key)?);
        Ok(())
    })?;
    let last = found.last().map(Key::to_bytes);
    for key in set_aside::keys_passed(rows, table.id(), range, found.len(), last)? {
        found.push(parse(&key)?);
    }
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

#[inline]
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

#[inline]
fn decode<R: Record>(
    table: Table<R>,
    key: &R::Key,
    key_bytes: &[u8],
    value: &[u8],
) -> Result<R, StoreError> {
    table
        .decode_under(key, key_bytes, value)
        .map_err(|source| StoreError::row(table.id(), key_bytes, source))
}
