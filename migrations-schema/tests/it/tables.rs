//! Tags and names of tables are for ever.

use std::collections::BTreeSet;

use migrations_schema::FORMAT;
use migrations_schema::table::TableId;

/// The tables of format 1. A line here is never changed; a new table gets a new tag at the end.
pub(crate) const TABLES: [(u8, &str); 21] = [
    (1, "meta"),
    (2, "settings"),
    (3, "nodes"),
    (4, "node_names"),
    (5, "shards"),
    (6, "shard_names"),
    (7, "shard_ranges"),
    (8, "placements"),
    (9, "migrations"),
    (10, "active_shards"),
    (11, "events"),
    (12, "migration_events"),
    (13, "finished"),
    (14, "retention"),
    (15, "cleanups"),
    (16, "last_moves"),
    (17, "requests"),
    (18, "in_flight"),
    (19, "pauses"),
    (20, "quarantine"),
    (21, "set_aside"),
];

#[test]
fn tags_and_names_are_those_of_format_1() {
    assert_eq!(FORMAT, 1);
    let found: Vec<(u8, &str)> = TableId::ALL
        .iter()
        .map(|table| (table.tag(), table.name()))
        .collect();
    assert_eq!(found, TABLES);
}

#[test]
fn no_tag_and_no_name_is_used_twice() {
    let tags: BTreeSet<u8> = TableId::ALL.iter().map(|table| table.tag()).collect();
    let names: BTreeSet<&str> = TableId::ALL.iter().map(|table| table.name()).collect();
    assert_eq!(tags.len(), TableId::ALL.len());
    assert_eq!(names.len(), TableId::ALL.len());
}

#[test]
fn a_table_is_found_by_its_name() {
    for table in TableId::ALL {
        assert_eq!(TableId::from_name(table.name()), Some(*table));
    }
    assert_eq!(TableId::from_name("Meta"), None);
}
