//! What is asked about many rows: in order, up to a limit, and past one that is damaged.

use shardferry::schema::table::{self, TableId};
use shardferry::schema::text::ShardName;
use shardferry::{ShardId, Status};

use crate::planting::Faulty;
use crate::repair::repair;
use crate::support::{A, B, Place, S, cluster};

#[test]
fn the_newest_migrations_come_first() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 6);
    let mut begun = Vec::new();
    for shard in [3, 6] {
        let owner = tracker.shard(ShardId(shard)).unwrap().unwrap().owner;
        let to = if owner == B { A } else { B };
        begun.push(tracker.begin_migration(ShardId(shard), owner, to).unwrap());
    }
    tracker
        .fail_migration(begun[0], "the disk is gone")
        .unwrap();
    let ids = |limit| {
        let recent = tracker.recent_migrations(limit).unwrap();
        recent.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0), []);
    assert_eq!(ids(1), [begun[1]]);
    assert_eq!(ids(usize::MAX), [begun[1], begun[0]]);
    let recent = tracker.recent_migrations(2).unwrap();
    assert_eq!(recent[1].status(), Status::Failed);
}

#[test]
fn a_name_that_nobody_has() {
    let place = Place::new();
    let tracker = cluster(&place, 1, 1);
    let named = |name: &str| {
        let name = ShardName::new(name).unwrap();
        tracker.shard_by_name(&name).unwrap().map(|shard| shard.id)
    };
    let first = tracker.shard(ShardId(1)).unwrap().unwrap();
    assert_eq!(named(&first.name.to_string()), Some(first.id));
    assert_eq!(named("nobody"), None);
    assert_eq!(tracker.shard(S).unwrap(), None);
}

/// Lists pass over what is damaged, and a snapshot names it.
#[test]
fn a_damaged_row_keeps_no_list_from_being_read() {
    let faulty = Faulty::new();
    let tracker = faulty.place.open();
    let all = tracker.recent_migrations(usize::MAX).unwrap();
    let active = tracker.active_migrations().unwrap();
    drop(tracker);
    faulty.delete(table::MIGRATIONS, &faulty.pending);
    let tracker = faulty.place.open();
    let rest = |rows: &[shardferry::Migration]| {
        let others = rows.iter().filter(|row| row.id != faulty.pending);
        others.cloned().collect::<Vec<_>>()
    };
    assert_eq!(tracker.active_migrations().unwrap(), rest(&active));
    assert_eq!(tracker.recent_migrations(usize::MAX).unwrap(), rest(&all));
    let snapshot = tracker.snapshot().unwrap();
    let shown: Vec<_> = snapshot.bad_rows.iter().map(ToString::to_string).collect();
    let id = faulty.pending.to_string();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(
        shown[0].starts_with("table active_shards, key "),
        "{shown:?}"
    );
    assert!(shown[0].contains(&id), "{shown:?}");
    drop(tracker);

    let faulty = Faulty::new();
    let planter = faulty.planter();
    let key = shardferry::schema::key::Key::to_bytes(&faulty.pending);
    planter.put_raw(TableId::Migrations, &key, b"\x01rubbish");
    drop(planter);
    let tracker = faulty.place.open();
    assert_eq!(tracker.active_migrations().unwrap().len(), active.len() - 1);
    let recent = tracker.recent_migrations(usize::MAX).unwrap();
    assert_eq!(recent.len(), all.len() - 1);
    let snapshot = tracker.snapshot().unwrap();
    let shown: Vec<_> = snapshot.bad_rows.iter().map(ToString::to_string).collect();
    assert!(
        shown
            .iter()
            .any(|row| row.starts_with("table migrations, key ")),
        "{shown:?}"
    );

    // What check and repair say of it is one line each, which names table, key and rule.
    let violation = &tracker.check().unwrap().violations[0];
    let line = violation.to_string();
    for part in [
        violation.invariant,
        violation.table,
        &violation.key,
        &violation.rule,
    ] {
        assert!(line.contains(part), "{line}");
    }
    let report = repair(&tracker);
    let line = report.changes[0].to_string();
    assert!(
        line.starts_with("set-aside: table migrations, key "),
        "{line}"
    );
    assert!(line.contains(": 8 bytes, "), "{line}");
    assert!(report.changes[1..].iter().all(|change| {
        let line = change.to_string();
        line == format!(
            "{}: table {}, key {}",
            change.repair.as_str(),
            change.table,
            change.key
        )
    }));
}

/// A handle that is printed says what it is a handle of, and none of what is in the file.
#[test]
fn a_handle_can_be_printed() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 2);
    let shown = format!("{tracker:?}");
    assert!(shown.contains("shards.redb"), "{shown}");
    assert!(shown.contains("Standard"), "{shown}");
    assert!(!shown.contains("node-1"), "{shown}");
}
