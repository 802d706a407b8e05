//! The end of the log is looked for once, and nothing is written over.

use super::rows::MemoryRows;
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, EventKind};
use crate::schema::{EventSeq, TimestampMs, table};
use crate::store::{Scan, StoreError, scan};
use crate::tracker::log::{About, Log};

#[test]
fn who_appends_beside_another_writes_over_nothing() -> Result<(), StoreError> {
    let mut rows = MemoryRows::new();
    let mut logs = [Log::default(), Log::default()];
    for (at, log) in [0, 0, 1, 1, 0, 1].into_iter().enumerate() {
        let cause = Reason::from(format!("{log} at {at}"));
        let now = TimestampMs(10 - at as u64);
        let (about, kind) = (About::the_cluster(), EventKind::SettingsChanged);
        logs[log].append(&mut rows, about, kind, Actor::System, &cause, now)?;
    }
    let events = scan(&mut rows, table::EVENTS, &Scan::all())?;
    let told: Vec<String> = events
        .iter()
        .map(|(_, event)| event.cause.to_string())
        .collect();
    assert_eq!(
        told,
        ["0 at 0", "0 at 1", "1 at 2", "1 at 3", "0 at 4", "1 at 5"]
    );
    let places: Vec<EventSeq> = events.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(places, [1, 2, 3, 4, 5, 6].map(EventSeq));
    assert!(
        events
            .iter()
            .all(|(_, event)| event.at_ms == TimestampMs(10))
    );
    Ok(())
}
