//! Rows that can be read and contradict each other are reported, and left as they are.

use shardferry::schema::table::{self, TableId};
use shardferry::schema::v1::{ActiveShard, Placement};
use shardferry::{EventSeq, ShardId};

use super::repair;
use crate::planting::Faulty;
use crate::support::{A, B, C};

#[track_caller]
fn is_left(faulty: &Faulty, invariant: &str, changes: usize) {
    let primary = |table: &TableId| !table.is_index();
    let tables: Vec<_> = TableId::ALL.iter().copied().filter(primary).collect();
    let rows = || {
        let planter = faulty.planter();
        tables
            .iter()
            .map(|table| planter.rows(*table))
            .collect::<Vec<_>>()
    };
    let before = rows();
    let tracker = faulty.place.open();
    let report = repair(&tracker);
    drop(tracker);
    assert_eq!(report.changes.len(), changes, "{:#?}", report.changes);
    assert!(
        report.left.iter().any(|one| one.invariant == invariant),
        "{:#?}",
        report.left
    );
    assert_eq!(rows(), before, "what is no index stays as it is");
}

#[test]
fn two_migrations_of_a_shard() {
    let faulty = Faulty::new();
    let mut second = faulty.read(table::MIGRATIONS, &faulty.pending);
    (second.shard, second.request) = (ShardId(1), None);
    faulty.put(table::MIGRATIONS, &faulty.pending, &second);
    // The entries of its former shard and request go; which of the two is shard 1's is not decided.
    is_left(&faulty, "I1", 2);
    let active = faulty.read(table::ACTIVE_SHARDS, &ShardId(1));
    assert_eq!(
        active,
        ActiveShard {
            migration: faulty.claimed
        }
    );

    // Nor is it when the entry is missing.
    faulty.delete(table::ACTIVE_SHARDS, &ShardId(1));
    is_left(&faulty, "I1", 0);
}

#[test]
fn an_owner_that_no_cutover_made() {
    let faulty = Faulty::new();
    faulty.change(table::SHARDS, ShardId(3), |row| row.owner = C);
    is_left(&faulty, "I5", 2);
    assert_eq!(
        faulty.read(table::PLACEMENTS, &(C, ShardId(3))),
        Placement::Owner
    );
}

#[test]
fn a_gap_in_the_log_and_a_ledger_without_an_entry() {
    let faulty = Faulty::new();
    faulty.delete(table::EVENTS, &EventSeq(4));
    is_left(&faulty, "I10", 0);
    let faulty = Faulty::new();
    faulty.delete(table::CLEANUPS, &(B, ShardId(4)));
    is_left(&faulty, "I6", 0);
}

#[test]
fn names_that_two_rows_have() {
    let faulty = Faulty::new();
    let name = faulty.read(table::NODES, &A).name;
    faulty.change(table::NODES, B, |row| row.name = name.clone());
    // Only the former name goes.
    is_left(&faulty, "I2", 1);
    assert_eq!(faulty.read(table::NODE_NAMES, &name).node, A);
}

/// A shard that only its indexes still name was lost, not made up: they are all that is known of it.
#[test]
fn a_shard_and_a_node_that_are_missing_stay_in_the_indexes() {
    let faulty = Faulty::new();
    faulty.delete(table::SHARDS, &ShardId(5));
    is_left(&faulty, "I2", 0);
    let faulty = Faulty::new();
    faulty.delete(table::NODES, &B);
    is_left(&faulty, "I10", 0);
}
