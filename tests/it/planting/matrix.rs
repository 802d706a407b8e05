//! Each kind of fault in each table, and each invariant: none is left out.

use std::collections::BTreeSet;

use shardferry::schema::key::{RowKey, SettingsKey};
use shardferry::schema::table::{self, TableId};
use shardferry::schema::text::Reason;
use shardferry::schema::v1::{EventKind, SetAsideRow};
use shardferry::store::OpenError;
use shardferry::tracker::check::Violation;
use shardferry::{MigrationTracker, Settings, ShardId, TimestampMs};

use super::faulty::Faulty;
use super::row_faults::{NOBODY, Row, Seen, file_for, row_faults};
use crate::support::{A, B};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Undecodable,
    Missing,
    Extra,
    Moved,
    Wrong,
}

impl Fault {
    const ALL: [Self; 5] = [
        Self::Undecodable,
        Self::Missing,
        Self::Extra,
        Self::Moved,
        Self::Wrong,
    ];
}

/// What is known to be invisible, with the reason in `row_faults`. A fault that `check` learns to see
/// leaves this list.
const UNSEEN: [(TableId, Fault); 11] = [
    (TableId::Meta, Fault::Wrong),
    (TableId::Settings, Fault::Wrong),
    (TableId::LastMoves, Fault::Missing),
    (TableId::Pauses, Fault::Missing),
    (TableId::Pauses, Fault::Extra),
    (TableId::Pauses, Fault::Wrong),
    (TableId::Quarantine, Fault::Missing),
    (TableId::Quarantine, Fault::Extra),
    (TableId::Quarantine, Fault::Wrong),
    (TableId::SetAside, Fault::Missing),
    (TableId::SetAside, Fault::Wrong),
];

/// What cannot be written as a valid row.
const NO_SUCH_ROW: [(TableId, Fault); 5] = [
    (TableId::Meta, Fault::Extra),
    (TableId::Settings, Fault::Extra),
    (TableId::MigrationEvents, Fault::Wrong),
    (TableId::Finished, Fault::Wrong),
    (TableId::Retention, Fault::Extra),
];

fn violations(faulty: &Faulty) -> Result<Vec<Violation>, OpenError> {
    let tracker = MigrationTracker::open(faulty.place.path())?;
    let found = tracker.check().unwrap().violations;
    assert_eq!(tracker.check().unwrap().violations, found);
    Ok(found)
}

/// What came of a fault.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Named(&'static str),
    Refused,
    Unseen,
    NoSuchRow,
}

fn plant(table: TableId, fault: Fault) -> Found {
    let faulty = file_for(table);
    let rows = row_faults(&faulty, table);
    let before = violations(&faulty).unwrap();
    let hex = |key: &[u8]| {
        key.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let put = |row: Row| match row {
        Ok((key, value)) => faulty.planter().put_raw(table, &key, &value),
        Err(_) => panic!("it was to be asked for"),
    };
    let refused = match table {
        TableId::Meta => Some(Seen::Refused),
        _ => None,
    };
    let seen = match fault {
        Fault::Undecodable => {
            faulty
                .planter()
                .put_raw(table, &rows.there, b"SF damaged row");
            refused.unwrap_or(Seen::By(("I11", table, hex(&rows.there))))
        }
        Fault::Missing => {
            faulty.planter().delete_raw(table, &rows.there);
            rows.missing
        }
        Fault::Extra if rows.extra.0.is_err() => return Found::NoSuchRow,
        Fault::Extra => {
            put(rows.extra.0);
            rows.extra.1
        }
        Fault::Moved => {
            let planter = faulty.planter();
            let value = planter.get_raw(table, &rows.there);
            planter.delete_raw(table, &rows.there);
            planter.put_raw(table, &rows.elsewhere, &value);
            refused.unwrap_or(Seen::By(("I11", table, hex(&rows.elsewhere))))
        }
        Fault::Wrong if rows.wrong.0.is_err() => return Found::NoSuchRow,
        Fault::Wrong => {
            put(rows.wrong.0);
            rows.wrong.1
        }
    };
    let found = violations(&faulty);
    match seen {
        Seen::Refused => {
            assert!(found.is_err(), "{table:?} {fault:?} is not refused");
            Found::Refused
        }
        Seen::Not(reason) => {
            let found = found.unwrap();
            assert!(
                found.len() <= before.len(),
                "{table:?} {fault:?} is seen, not {reason}: {found:#?}"
            );
            Found::Unseen
        }
        Seen::By((invariant, of, key)) => {
            let found = found.unwrap();
            let named = found.iter().any(|one| {
                one.invariant == invariant && one.table == of.name() && one.key.contains(&key)
            });
            assert!(
                named,
                "{table:?} {fault:?}: no {invariant} in {of:?} at {key}: {found:#?}"
            );
            Found::Named(invariant)
        }
    }
}

#[test]
fn every_kind_of_fault_in_every_table() {
    let (mut named, mut refused) = (0, 0);
    let (mut unseen, mut no_such_row) = (BTreeSet::new(), BTreeSet::new());
    for table in TableId::ALL.iter().copied() {
        for fault in Fault::ALL {
            match plant(table, fault) {
                Found::Named(_) => named += 1,
                Found::Refused => refused += 1,
                Found::Unseen => assert!(unseen.insert((table, fault))),
                Found::NoSuchRow => assert!(no_such_row.insert((table, fault))),
            }
        }
    }
    assert_eq!(no_such_row, BTreeSet::from(NO_SUCH_ROW));
    assert_eq!(unseen, BTreeSet::from(UNSEEN));
    assert_eq!(named + refused + unseen.len() + no_such_row.len(), 21 * 5);
    assert_eq!((named, refused), (86, 3));
}

/// A fault for each invariant that one state can show.
#[test]
fn every_invariant_that_one_state_can_show() {
    type Plant = fn(&Faulty) -> TableId;
    let shown: [(&str, Plant); 10] = [
        ("I1", |faulty| {
            let mut second = faulty.read(table::MIGRATIONS, &faulty.pending);
            (second.shard, second.request) = (ShardId(1), None);
            faulty.put(table::MIGRATIONS, &faulty.pending, &second);
            TableId::Migrations
        }),
        ("I2", |faulty| {
            faulty.delete(table::ACTIVE_SHARDS, &ShardId(1));
            TableId::ActiveShards
        }),
        ("I3", |faulty| {
            faulty.change(table::MIGRATIONS, faulty.pending, |row| {
                row.progress.bytes_migrated = 7;
            });
            TableId::Migrations
        }),
        ("I4", |faulty| {
            faulty.change(table::MIGRATIONS, faulty.claimed, |row| {
                row.failed_attempts = 1;
                row.failures = vec![shardferry::schema::v1::Failure {
                    epoch: shardferry::Epoch(9),
                    at_ms: TimestampMs(1),
                    class: shardferry::schema::v1::FailureClass::Retriable,
                    reason: "later".into(),
                }];
            });
            TableId::Migrations
        }),
        ("I5", |faulty| {
            faulty.change(table::LAST_MOVES, ShardId(3), |row| row.migration = NOBODY);
            TableId::LastMoves
        }),
        ("I6", |faulty| {
            faulty.delete(table::CLEANUPS, &(B, ShardId(4)));
            TableId::Cleanups
        }),
        ("I7", |faulty| {
            let mut cleanup = faulty.read(table::CLEANUPS, &(B, ShardId(4)));
            cleanup.shard = ShardId(2);
            faulty.put(table::CLEANUPS, &(B, ShardId(2)), &cleanup);
            TableId::Cleanups
        }),
        ("I9", |faulty| {
            let tracker = faulty.place.open();
            tracker
                .claim(faulty.pending, &crate::support::worker())
                .unwrap();
            drop(tracker);
            let settings = Settings {
                in_flight_max: Some(1),
                ..Settings::default()
            };
            faulty.put(table::SETTINGS, &SettingsKey::Current, &settings);
            TableId::InFlight
        }),
        ("I10", |faulty| {
            let seq = super::faulty::event_of(faulty, faulty.pending, 0);
            faulty.delete(table::EVENTS, &seq);
            TableId::Events
        }),
        ("I11", |faulty| {
            use shardferry::schema::key::Key as _;
            faulty
                .planter()
                .put_raw(TableId::Nodes, &A.to_bytes(), b"SF damaged row");
            TableId::Nodes
        }),
    ];
    let elsewhere = [
        (
            "I8",
            "a record that breaks it cannot be decoded, and is I11's (`i8_*`)",
        ),
        ("I12", "it compares two states (`steps`)"),
        ("I13", "it is about plans (`planner::check`)"),
    ];
    for (invariant, plant) in shown {
        let faulty = Faulty::new();
        let table = plant(&faulty);
        faulty.finds(invariant, table, "");
    }
    let mut all: Vec<_> = shown.iter().map(|(invariant, _)| *invariant).collect();
    all.extend(elsewhere.iter().map(|(invariant, _)| *invariant));
    all.sort_by_key(|invariant| invariant.trim_start_matches('I').parse::<u32>().unwrap());
    let numbers: Vec<_> = (1..=13).map(|number| format!("I{number}")).collect();
    assert_eq!(all, numbers);
}

/// What was set aside is kept whole: a part that is missing, or alone, is named.
#[test]
fn parts_of_a_row_that_was_set_aside() {
    let faulty = Faulty::new();
    let first = RowKey::first(TableId::Shards, b"long");
    let max = SetAsideRow::VALUE_BYTES_MAX;
    let part = |len: u64| SetAsideRow {
        value: vec![7; usize::try_from(len).unwrap()],
        value_bytes: max + 1,
        reason: Reason::new("damaged"),
        at_ms: TimestampMs(1),
    };
    faulty.put(table::SET_ASIDE, &first, &part(max));
    faulty.finds("I11", TableId::SetAside, "part 1");
    faulty.put(table::SET_ASIDE, &first.part(1), &part(1));
    let found = faulty.finds("I11", TableId::Shards, "0x6c6f6e67");
    assert_eq!(found.len(), 1, "{found:#?}");
    faulty.delete(table::SET_ASIDE, &first);
    faulty.finds("I11", TableId::SetAside, "part 1");
}

/// The names and request keys by which two rows would be one.
#[test]
fn what_two_rows_may_not_share() {
    let faulty = Faulty::new();
    let name = faulty.read(table::NODES, &A).name;
    faulty.change(table::NODES, B, |row| row.name = name.clone());
    faulty.finds("I2", TableId::Nodes, "node 2");

    let faulty = Faulty::new();
    let name = faulty.read(table::SHARDS, &ShardId(1)).name;
    faulty.change(table::SHARDS, ShardId(2), |row| row.name = name.clone());
    faulty.finds("I2", TableId::Shards, "shard 2");

    let faulty = Faulty::new();
    faulty.change(table::MIGRATIONS, faulty.claimed, |row| {
        row.request = Some(crate::support::key("two"));
    });
    faulty.finds("I2", TableId::Migrations, "migration");
}

/// An entry of the ledger that the log says was settled.
#[test]
fn a_cleanup_that_is_back() {
    let faulty = Faulty::new();
    let place = (B, ShardId(4));
    let cleanup = faulty.read(table::CLEANUPS, &place);
    faulty.place.open().settle_cleanup(B, ShardId(4)).unwrap();
    faulty.put(table::CLEANUPS, &place, &cleanup);
    faulty.finds("I6", TableId::Cleanups, "node 2, shard 4");
}

/// Known to be invisible: an event of the cluster at the end of the log, which nothing else shows.
#[test]
fn an_event_that_nothing_contradicts_is_not_seen() {
    let faulty = Faulty::new();
    let newest = faulty.place.open().check().unwrap().newest_event;
    let mut event = faulty.read(table::EVENTS, &newest);
    (event.seq, event.kind) = (newest.next(), EventKind::SettingsChanged);
    (event.migration, event.shard) = (None, None);
    faulty.put(table::EVENTS, &event.seq, &event);
    assert_eq!(violations(&faulty).unwrap(), []);
}
