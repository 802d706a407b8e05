//! A damaged row in each table: repaired, kept, blocked as before, and given up.

use shardferry::Settings;
use shardferry::schema::table::TableId;
use shardferry::tracker::{ForgiveError, Repair};

use super::repair;
use crate::planting::{concerned, damaged, others_work};
use crate::support::{clean, node};

#[test]
fn what_was_set_aside_stays_blocked_until_it_is_given_up() {
    for table in TableId::ALL.iter().copied() {
        if matches!(table, TableId::Meta | TableId::SetAside) {
            continue;
        }
        let (faulty, key) = damaged(table);
        let tracker = faulty.place.open();
        let report = repair(&tracker);
        if table.is_index() {
            assert!(report.is_sound(), "{table:?} {:#?}", report.left);
            assert_eq!(report.changes.len(), 1);
            assert_eq!(report.changes[0].repair, Repair::Replaced, "{table:?}");
            assert_eq!(tracker.set_aside().unwrap(), []);
            clean(&tracker);
            others_work(&tracker, 0);
            continue;
        }
        let kept = tracker.set_aside().unwrap();
        assert_eq!(kept.len(), 1, "{table:?} {report:#?}");
        assert_eq!((kept[0].table, &kept[0].key), (Some(table), &key));
        assert_eq!(kept[0].value.as_deref(), Some(&b"SF damaged row"[..]));
        assert!(!kept[0].reason.is_empty());
        assert!(
            report.left.iter().all(|one| one.invariant == "I11"),
            "{table:?} {:#?}",
            report.left
        );
        assert_eq!(report.left[0].table, table.name());

        // As blocked as before, by name, also after a restart; and the others work.
        drop(tracker);
        let tracker = faulty.place.open();
        if let Some(tried) = concerned(&tracker, &faulty, table) {
            let said = tried.expect_err(table.name());
            for word in [table.name(), "set aside", "`check`"] {
                assert!(said.contains(word), "{table:?}: {word} is missing: {said}");
            }
        }
        if table != TableId::Settings {
            others_work(&tracker, 1);
            assert!(!tracker.snapshot().unwrap().bad_rows.is_empty() || is_history(table));
        }

        if table == TableId::Settings {
            let refused = tracker.forgive_set_aside(table, &key, "lost").unwrap_err();
            assert!(matches!(refused, ForgiveError::NoSettings), "{refused}");
            tracker.set_settings(&Settings::default()).unwrap();
        }
        tracker
            .forgive_set_aside(table, &key, "nobody needs it")
            .unwrap();
        assert_eq!(tracker.set_aside().unwrap(), []);
        if table == TableId::Nodes {
            // It has shards, and is known again only when it is registered again.
            assert!(concerned(&tracker, &faulty, table).unwrap().is_err());
            tracker.register_node(node(2)).unwrap();
        }
        clean(&tracker);
        if let Some(tried) = concerned(&tracker, &faulty, table) {
            tried.unwrap();
        }
        others_work(&tracker, 2);
        let refused = tracker.forgive_set_aside(table, &key, "again").unwrap_err();
        assert!(
            matches!(refused, ForgiveError::NotSetAside { .. }),
            "{refused}"
        );
    }
}

/// What a snapshot does not hold.
fn is_history(table: TableId) -> bool {
    matches!(
        table,
        TableId::Events | TableId::Retention | TableId::Migrations
    )
}

/// A damaged row of `set_aside` keeps its place taken, and can be given up in turn.
#[test]
fn what_was_set_aside_and_is_damaged_in_turn() {
    let (faulty, raw) = damaged(TableId::SetAside);
    let tracker = faulty.place.open();
    let report = repair(&tracker);
    assert_eq!((report.changes.len(), report.left.len()), (0, 1));
    let kept = tracker.set_aside().unwrap();
    assert_eq!(kept[0].value, None);
    assert!(
        concerned(&tracker, &faulty, TableId::SetAside)
            .unwrap()
            .is_err()
    );
    let key = kept[0].key.clone();
    assert!(raw.ends_with(&key));
    tracker
        .forgive_set_aside(kept[0].table.unwrap(), &key, "lost twice")
        .unwrap();
    clean(&tracker);
    concerned(&tracker, &faulty, TableId::SetAside)
        .unwrap()
        .unwrap();
}

/// A damaged row of `set_aside` whose key names no table is listed with the key that gives it up.
#[test]
fn what_is_listed_can_be_given_up() {
    let (faulty, _) = damaged(TableId::Cleanups);
    repair(&faulty.place.open());
    for key in [&[200, 0, 0, 0, 0, 7][..], &[200], &[1, 0, 0, 0, 9, 7]] {
        let planter = faulty.planter();
        planter.put_raw(TableId::SetAside, key, b"SF damaged row");
    }
    let tracker = faulty.place.open();
    let listed = tracker.set_aside().unwrap();
    assert_eq!(listed.len(), 4);
    for one in listed {
        let table = one.table.unwrap_or(TableId::SetAside);
        tracker.forgive_set_aside(table, &one.key, "seen").unwrap();
    }
    clean(&tracker);
}
