//! Where the log goes on. Damage must not stop it, and must not make it lose an event.
//!
//! To look for it takes four reads and an event to decode: a transaction knows it from one event to the
//! next.

use std::ops::Bound;

use super::rows::{get, has};
use super::{Scan, StoreError, Tx};
use crate::schema::key::RetentionKey;
use crate::schema::table::{self, TableId};
use crate::schema::v1::Event;
use crate::schema::{EventSeq, TimestampMs};

/// Where the log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// The position after the last event and everything that was pruned.
    pub next: EventSeq,
    /// The time of the last event, before which the next one did not happen.
    pub newest_ms: TimestampMs,
    /// Nothing stands at that position or further on, and nothing was set aside from there.
    pub is_clear: bool,
}

impl LogEnd {
    /// After another event, of that time.
    pub(crate) fn after(self, newest_ms: TimestampMs) -> Self {
        Self {
            next: self.next.next(),
            newest_ms,
            ..self
        }
    }
}

/// Where the log goes on.
pub(crate) fn log_end(tx: &mut dyn Tx) -> Result<LogEnd, StoreError> {
    // A row that stands further on, which is damaged or nobody's, is not written over.
    if let Some(known) = tx.known().and_then(|known| known.log_end)
        && (known.is_clear || !has(tx, table::EVENTS, &known.next)?)
    {
        return Ok(known);
    }
    let end = look(tx)?;
    know_log_end(tx, end);
    Ok(end)
}

/// Keeps in mind where the log goes on: whoever appends to it knows.
pub(crate) fn know_log_end(tx: &mut dyn Tx, end: LogEnd) {
    if let Some(known) = tx.known() {
        known.log_end = Some(end);
    }
}

fn look(rows: &mut dyn Tx) -> Result<LogEnd, StoreError> {
    let (newest, is_last) = newest_readable(rows)?;
    let is_clear = is_last && rows.len(TableId::SetAside)? == 0;
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
    while !is_clear && has(rows, table::EVENTS, &next)? && next < next.next() {
        next = next.next();
    }
    Ok(LogEnd {
        next,
        newest_ms,
        is_clear,
    })
}

/// The last event that can be read, below rows that cannot; whether there are none of those.
fn newest_readable(rows: &mut dyn Tx) -> Result<(Option<Event>, bool), StoreError> {
    let mut below = Bound::Unbounded;
    loop {
        let is_last = below == Bound::Unbounded;
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
            (found, _) => return Ok((found, is_last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::Database;
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::schema::key::RowKey;
    use crate::schema::v1::{Actor, EventKind, Pruned, SetAsideRow};
    use crate::schema::{Epoch, text::Reason};
    use crate::store::health::Health;
    use crate::store::redb_tx::RedbTx;
    use crate::store::{delete, put};

    #[derive(Clone, Copy, Debug)]
    enum Write {
        /// As whoever appends does it.
        Append(u64),
        Event(u64, u64),
        NoEvent(u64),
        Damaged(u64),
        Pruned(u64),
        SetAside(u64),
    }

    fn event(seq: EventSeq, at_ms: TimestampMs) -> Event {
        Event {
            seq,
            at_ms,
            migration: None,
            shard: None,
            epoch: Epoch(0),
            actor: Actor::System,
            cause: Reason::default(),
            kind: EventKind::SettingsChanged,
        }
    }

    fn make(tx: &mut dyn Tx, write: Write) -> Result<(), StoreError> {
        match write {
            Write::Append(at_ms) => {
                let end = log_end(tx)?;
                let at_ms = end.newest_ms.max(TimestampMs(at_ms));
                put(tx, table::EVENTS, &end.next, &event(end.next, at_ms))?;
                know_log_end(tx, end.after(at_ms));
                Ok(())
            }
            Write::Event(seq, at_ms) => {
                let event = event(EventSeq(seq), TimestampMs(at_ms));
                put(tx, table::EVENTS, &event.seq, &event)
            }
            Write::NoEvent(seq) => delete(tx, table::EVENTS, &EventSeq(seq)),
            Write::Damaged(seq) => {
                let key = crate::schema::key::Key::to_bytes(&EventSeq(seq));
                tx.put(table::EVENTS.id(), &key, b"?")
            }
            Write::Pruned(through) => {
                let row = Pruned {
                    through: EventSeq(through),
                    ..Pruned::default()
                };
                put(tx, table::RETENTION, &RetentionKey::Pruned, &row)
            }
            Write::SetAside(seq) => {
                let key = crate::schema::key::Key::to_bytes(&EventSeq(seq));
                let row = SetAsideRow {
                    value: vec![1],
                    value_bytes: 1,
                    reason: Reason::default(),
                    at_ms: TimestampMs(1),
                };
                tx.delete(table::EVENTS.id(), &key)?;
                let place = RowKey::first(table::EVENTS.id(), &key);
                put(tx, table::SET_ASIDE, &place, &row)
            }
        }
    }

    fn writes() -> impl Strategy<Value = Vec<Write>> {
        let seq = || 1..9_u64;
        let write = prop_oneof![
            4 => (0..9_u64).prop_map(Write::Append),
            1 => (seq(), 0..9_u64).prop_map(|(seq, at_ms)| Write::Event(seq, at_ms)),
            1 => seq().prop_map(Write::NoEvent),
            1 => seq().prop_map(Write::Damaged),
            1 => seq().prop_map(Write::Pruned),
            1 => seq().prop_map(Write::SetAside),
        ];
        prop::collection::vec(write, 0..9)
    }

    fn place(end: LogEnd) -> (EventSeq, TimestampMs) {
        (end.next, end.newest_ms)
    }

    fn nothing_from(tx: &mut dyn Tx, next: EventSeq) -> bool {
        let mut found = 0;
        tx.scan(
            table::EVENTS.id(),
            &Scan::first(1).from(&next),
            &mut |_, _| {
                found += 1;
                Ok(())
            },
        )
        .unwrap();
        found == 0 && tx.len(TableId::SetAside).unwrap() == 0
    }

    proptest! {
        /// Whatever was written, and taken back: what a transaction knows is what looking finds.
        #[test]
        fn what_is_known_is_what_looking_finds(rounds in prop::collection::vec((writes(), any::<bool>()), 1..4)) {
            let memory = InMemoryBackend::new();
            let db = Database::builder().create_with_backend(memory).unwrap();
            let health = Health::default();
            let txn = db.begin_write().unwrap();
            let mut tx = RedbTx::new(&txn, &health);
            for (writes, is_kept) in rounds {
                let mark = tx.mark();
                for write in writes {
                    make(&mut tx, write).unwrap();
                    let is_known = tx.known().is_some_and(|known| known.log_end.is_some());
                    prop_assert_eq!(is_known, matches!(write, Write::Append(_)));
                    let found = place(look(&mut tx).unwrap());
                    if is_known {
                        let end = log_end(&mut tx).unwrap();
                        prop_assert_eq!(place(end), found);
                        prop_assert!(!end.is_clear || nothing_from(&mut tx, end.next));
                    }
                }
                if !is_kept {
                    tx.take_back(&mark).unwrap();
                }
                let found = place(look(&mut tx).unwrap());
                prop_assert_eq!(place(log_end(&mut tx).unwrap()), found);
            }
        }
    }
}
