//! One bad row keeps the file open to everything else: what it is about is refused, by name.

use shardferry::schema::table::TableId;
use shardferry::schema::text::NodeName;
use shardferry::store::OpenError;
use shardferry::tracker::{PlanOptions, plan_rebalance};
use shardferry::{MigrationTracker, NodeId, ShardId};

use super::faulty::Faulty;
use super::row_faults::{file_for, row_faults};
use crate::support::{A, B, C, node, request, shard, worker};

/// Tries what the row of `row_faults` is about. `None`: nothing is decided by rows of this table.
pub(crate) fn concerned(
    tracker: &MigrationTracker,
    faulty: &Faulty,
    table: TableId,
) -> Option<Result<(), String>> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let begin = |shard, from, to| {
        let begun = tracker.begin_migration(ShardId(shard), from, to);
        begun.map(drop).map_err(|error| text(&error))
    };
    let claim = |id| {
        tracker
            .claim(id, &worker())
            .map(drop)
            .map_err(|error| text(&error))
    };
    let tried = match table {
        TableId::Meta => panic!("it cannot be opened"),
        TableId::Settings => begin(500, B, C),
        TableId::Nodes => begin(5, A, B),
        TableId::NodeNames => {
            let name = NodeName::new("node-1").unwrap();
            tracker
                .node_by_name(&name)
                .map(drop)
                .map_err(|error| text(&error))
        }
        TableId::Shards => begin(5, A, C),
        TableId::ShardNames => {
            let name = shard(1, A).name;
            tracker
                .shard_by_name(&name)
                .map(drop)
                .map_err(|error| text(&error))
        }
        TableId::ShardRanges => tracker
            .find_shard_for_key(b"b")
            .map(drop)
            .map_err(|error| text(&error)),
        TableId::Migrations => {
            assert!(claim(faulty.pending).is_err());
            begin(2, A, C)
        }
        TableId::ActiveShards => begin(1, A, C),
        TableId::Events | TableId::MigrationEvents => {
            let history = tracker.history(faulty.pending);
            history.map(drop).map_err(|error| text(&error))
        }
        TableId::Cleanups => begin(4, A, B),
        TableId::LastMoves => {
            let id = match tracker.active_migration(ShardId(3)).unwrap() {
                Some(active) => active.id,
                None => tracker.begin_migration(ShardId(3), B, C).unwrap(),
            };
            claim(id)
        }
        TableId::Requests => {
            let begun = tracker.begin(&request(ShardId(2), A, B, "two"));
            begun.map(drop).map_err(|error| text(&error))
        }
        TableId::Pauses => claim(faulty.pending),
        TableId::Quarantine | TableId::SetAside => begin(9, A, B),
        // Nobody asks where the copies of a node are but those who remove it; ends are only pruned;
        // and a count is counted again.
        TableId::Placements | TableId::Finished | TableId::Retention | TableId::InFlight => {
            return None;
        }
    };
    Some(tried)
}

/// Other shards are begun, claimed and completed; nodes are registered; plans are made.
#[track_caller]
pub(crate) fn others_work(tracker: &MigrationTracker, round: u64) {
    // Of nodes that are not registered: of another caller.
    let from = NodeId(40);
    let id = tracker
        .begin_migration(ShardId(600 + round), from, NodeId(41))
        .unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    claim.report(5, Some(10), None).unwrap();
    claim.complete().unwrap();
    tracker.settle_cleanup(from, ShardId(600 + round)).unwrap();
    tracker.register_node(node(60 + round)).unwrap();
    let unfinished = tracker.unfinished().unwrap();
    assert!(unfinished.iter().all(|migration| migration.id != id));
    let options = PlanOptions {
        resource: shardferry::planner::Resource::COUNT,
        threshold_ppm: 100_000,
        max_moves: None,
    };
    plan_rebalance(&tracker.snapshot().unwrap(), &options).unwrap();
    tracker.cleanups().unwrap();
}

/// The file has one row that cannot be read in `table`.
pub(crate) fn damaged(table: TableId) -> (Faulty, Vec<u8>) {
    let faulty = file_for(table);
    let key = row_faults(&faulty, table).there;
    faulty.planter().put_raw(table, &key, b"SF damaged row");
    (faulty, key)
}

#[test]
fn one_damaged_row_in_each_table_blocks_what_it_is_about_and_nothing_else() {
    for table in TableId::ALL.iter().copied() {
        let (faulty, key) = damaged(table);
        if table == TableId::Meta {
            let refused = MigrationTracker::open(faulty.place.path()).unwrap_err();
            assert!(matches!(refused, OpenError::Store { .. }), "{refused}");
            continue;
        }
        let tracker = faulty.place.open();
        if let Some(tried) = concerned(&tracker, &faulty, table) {
            let said = tried.expect_err(table.name());
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let (of, hex) = match table {
                // The row keeps the place of a shard in quarantine taken.
                TableId::SetAside => ("quarantine", "0000000000000009".to_owned()),
                table => (table.name(), hex),
            };
            for word in [of, &hex, "`check`"] {
                assert!(said.contains(word), "{table:?}: {word} is missing: {said}");
            }
        }
        if table != TableId::Settings {
            others_work(&tracker, 0);
        }
        // Reported: by name, also after others worked.
        let report = tracker.check().unwrap();
        assert_eq!(report.bad_rows.len(), 1, "{table:?}");
        assert_eq!(report.bad_rows[0].table, table.name());
        tracker.snapshot().unwrap();
    }
}

/// A key that is none, in each table: it is named, sorts anywhere, and stops nobody.
#[test]
fn a_key_that_is_none_in_each_table() {
    for table in TableId::ALL.iter().copied() {
        // Text keys may be anything but these; every other key has another length.
        for key in [&b"\xff\xff\xff"[..], b"\n"] {
            let free = matches!(table, TableId::ShardNames | TableId::ShardRanges);
            if free {
                continue;
            }
            let faulty = file_for(table);
            let before = faulty.place.open().check().unwrap().newest_event;
            faulty.planter().put_raw(table, key, b"SF damaged row");
            let tracker = faulty.place.open();
            let id = tracker.begin_migration(ShardId(700), B, C).unwrap();
            tracker.start_migration(id).unwrap();
            tracker.complete_migration(id).unwrap();
            let report = tracker.check().unwrap();
            assert_eq!(
                report.bad_rows.len(),
                1,
                "{table:?} {:#?}",
                report.violations
            );
            assert_eq!(report.newest_event.0, before.0 + 3, "{table:?}");
        }
    }
}

/// The log goes on after damaged events, and takes no position that one of them holds.
#[test]
fn the_log_goes_on_after_its_damaged_end() {
    let faulty = Faulty::new();
    let newest = faulty.place.open().check().unwrap().newest_event;
    let planter = faulty.planter();
    for seq in [newest.0 - 1, newest.0, 1 << 40, u64::MAX] {
        planter.put_raw(TableId::Events, &seq.to_be_bytes(), b"SF damaged row");
    }
    drop(planter);
    let go_on = |round: u64| {
        let tracker = faulty.place.open();
        tracker.begin_migration(ShardId(800 + round), A, B).unwrap();
        let report = tracker.check().unwrap();
        assert_eq!(
            report.newest_event.0,
            newest.0 + round,
            "{:#?}",
            report.violations
        );
        let left = report
            .violations
            .iter()
            .filter(|one| one.invariant != "I11");
        assert_eq!(left.count(), 0, "{:#?}", report.violations);
    };
    go_on(1);
    let tracker = faulty.place.open();
    let options = shardferry::tracker::RepairOptions::default();
    assert_eq!(tracker.repair(&options).unwrap().changes.len(), 4);
    drop(tracker);
    go_on(2);
}
