//! Where the log goes on. Damage must not stop it, and must not make it lose an event.

use std::ops::Bound;

use super::rows::{get, has};
use super::{ReadRows, Scan, StoreError};
use crate::schema::key::RetentionKey;
use crate::schema::table;
use crate::schema::v1::Event;
use crate::schema::{EventSeq, TimestampMs};

/// The position after the last event and everything that was pruned, and the time of the last
/// event, before which the next one did not happen.
pub(crate) fn log_end(
    rows: &mut (impl ReadRows + ?Sized),
) -> Result<(EventSeq, TimestampMs), StoreError> {
    let newest = newest_readable(rows)?;
    let newest_ms = newest.as_ref().map(|event| event.at_ms).unwrap_or_default();
    let newest = newest.map(|event| event.seq).unwrap_or_default();
    // Where this row is lost, nobody knows how far the log was pruned: numbers above the newest event
    // that is kept, if retention took any there, are given out again.
    let pruned = match get(rows, table::RETENTION, &RetentionKey::Pruned) {
        Err(error) if error.is_unreadable_row() => EventSeq(0),
        row => row?.unwrap_or_default().through,
    };
    let mut next = newest.max(pruned).next();
    // The last events may be damaged, or set aside: their positions are taken. The log has no gap,
    // so a row that stands further on is none of its events.
    while has(rows, table::EVENTS, &next)? && next < next.next() {
        next = next.next();
    }
    Ok((next, newest_ms))
}

/// The last event that can be read, below rows that cannot.
fn newest_readable(rows: &mut (impl ReadRows + ?Sized)) -> Result<Option<Event>, StoreError> {
    let mut below = Bound::Unbounded;
    loop {
        let last = Scan {
            end: below,
            ..Scan::last(1)
        };
        let mut damaged = None;
        let mut found = None;
        rows.scan(table::EVENTS.id(), &last, &mut |key, value| {
            let seq = table::EVENTS.key(key).ok();
            found = seq.and_then(|seq| table::EVENTS.decode(&seq, value).ok());
            damaged = Some(key.to_vec());
            Ok(())
        })?;
        match (found, damaged) {
            (None, Some(key)) => below = Bound::Excluded(key),
            (found, _) => return Ok(found),
        }
    }
}
