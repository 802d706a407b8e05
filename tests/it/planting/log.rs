//! I10: a log that does not tell what happened.

use shardferry::schema::key::RetentionKey;
use shardferry::schema::table::{self, TableId};
use shardferry::schema::v1::{EventKind, Pruned};
use shardferry::store::StoreError;
use shardferry::tracker::BeginError;
use shardferry::{Epoch, EventSeq, MigrationId, State, TimestampMs};

use super::faulty::{Faulty, event_of};
use crate::support::{A, B, S};

#[test]
fn i10_a_log_that_does_not_tell_what_happened() {
    // A gap.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.pending, 0);
    faulty.delete(table::EVENTS, &seq);
    faulty.finds("I10", TableId::Events, &format!("event {}", seq.0 + 1));

    // A path that the machine does not know.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.complete, 1);
    faulty.change(table::EVENTS, seq, |event| {
        event.kind = EventKind::VerificationBegun
    });
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));

    // A path that ends elsewhere.
    let faulty = Faulty::new();
    let id = faulty.claimed;
    faulty.change(table::MIGRATIONS, id, |row| {
        row.state = State::Verifying {
            started_at_ms: TimestampMs(1),
            verifying_at_ms: TimestampMs(2),
        };
    });
    faulty.finds("I10", TableId::Migrations, &id.to_string());

    // A time before that of the event in front of it.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.failed, 2);
    faulty.change(table::EVENTS, seq, |event| event.at_ms = TimestampMs(1));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));

    // An event of another shard, of an epoch to come, of a migration that is not there.
    let faulty = Faulty::new();
    let seq = event_of(&faulty, faulty.failed, 1);
    faulty.change(table::EVENTS, seq, |event| event.shard = Some(S));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));
    let faulty = Faulty::new();
    faulty.change(table::EVENTS, seq, |event| event.epoch = Epoch(8));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));
    let faulty = Faulty::new();
    let ghost = MigrationId(uuid::Uuid::from_u128(9));
    faulty.change(table::EVENTS, seq, |event| event.migration = Some(ghost));
    faulty.finds("I10", TableId::Events, &format!("event {seq}"));

    // What retention took does not excuse what comes after it.
    let faulty = Faulty::new();
    let pruned = Pruned {
        through: EventSeq(2),
        migrations: 1,
    };
    faulty.put(table::RETENTION, &RetentionKey::Pruned, &pruned);
    faulty.delete(table::EVENTS, &EventSeq(4));
    faulty.finds("I10", TableId::Events, "event 5");
}

/// A position or a time without a next: the log would have written its next event over the last,
/// and the clock would have stopped. They are named, and nothing is written after them.
#[test]
fn i10_numbers_to_which_nothing_counts() {
    for end in [1 << 63, u64::MAX] {
        let pruned = Faulty::new();
        let row = Pruned {
            through: EventSeq(end),
            migrations: 1,
        };
        pruned.put(table::RETENTION, &RetentionKey::Pruned, &row);
        pruned.finds("I10", TableId::Retention, "pruned");

        let late = Faulty::new();
        let newest = late.place.open().check().unwrap().newest_event;
        late.change(table::EVENTS, newest, |event| {
            event.at_ms = TimestampMs(end)
        });
        late.finds("I10", TableId::Events, &format!("event {newest}"));

        let last = Faulty::new();
        let mut event = last.read(table::EVENTS, &newest);
        (event.seq, event.kind) = (EventSeq(end), EventKind::SettingsChanged);
        (event.migration, event.shard) = (None, None);
        last.put(table::EVENTS, &event.seq, &event);
        let found = last.finds("I10", TableId::Events, &format!("event {end}"));
        assert!(found.iter().any(|one| one.rule.contains("has no next")));

        for faulty in [pruned, late, last] {
            let tracker = faulty.place.open();
            let before = tracker.image().unwrap();
            let refused = tracker.begin_migration(S, A, B).unwrap_err();
            let is_typed = matches!(
                refused,
                BeginError::Store(StoreError::Inconsistent {
                    table: "events",
                    ..
                })
            );
            assert!(is_typed, "{refused}");
            assert_eq!(tracker.image().unwrap(), before);
        }
    }
}
