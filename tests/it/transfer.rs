//! Export and import: the same rows again, and no file of anything that is out of order.

use shardferry::schema::codec::EncodeError;
use shardferry::schema::key::Key as _;
use shardferry::schema::table::TableId;
use shardferry::schema::v1::Status;
use shardferry::store::{OpenError, OpenOptions, StoreError};
use shardferry::tracker::check::CheckReport;
use shardferry::tracker::{ExportError, Exported, Fact, FactError, ImportError, RepairOptions};
use shardferry::{EventSeq, MigrationTracker, NodeId, Settings, ShardId};

use crate::planting::damaged;
use crate::rich::rich;
use crate::support::{A, B, Place, Planter, S, node, sound};

fn facts_of(tracker: &MigrationTracker) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut counted = 0;
    let report = tracker.export(&mut |exported| {
        match exported {
            Exported::Counts(tables) => {
                assert!(facts.is_empty(), "the counts come first");
                counted = tables.iter().map(|table| table.rows).sum();
            }
            Exported::Fact(fact) => facts.push(*fact),
        }
        Ok::<(), ExportError>(())
    });
    assert_eq!(report.unwrap().facts(), facts.len() as u64);
    assert_eq!(counted, facts.len() as u64);
    facts
}

fn import(place: &Place, facts: Vec<Fact>) -> Result<CheckReport, ImportError<StoreError>> {
    let facts = facts.into_iter().map(Ok);
    MigrationTracker::import(place.path(), &OpenOptions::default(), facts)
}

#[test]
fn every_row_is_as_it_was() {
    let place = Place::new();
    let tracker = rich(&place);
    let facts = facts_of(&tracker);
    for table in Fact::TABLES {
        assert!(facts.iter().any(|fact| fact.table() == *table), "{table:?}");
    }
    let copy = Place::new();
    let report = import(&copy, facts.clone()).unwrap();
    assert_eq!(report, tracker.check().unwrap());
    assert_eq!(copy.names(), ["shards.redb"]);
    let again = copy.open();
    assert_eq!(sound(&again), sound(&tracker));
    assert_eq!(facts_of(&again), facts);
    // Byte for byte, indexes included: the digest is over keys and values as they stand.
    let [before, after] = [&tracker, &again].map(|tracker| {
        let place = Place::new();
        tracker.backup(place.path()).unwrap().digest
    });
    assert_eq!(before, after);
}

#[test]
fn only_indexes_are_left_out() {
    use TableId::*;
    let left_out: Vec<_> = TableId::ALL
        .iter()
        .filter(|table| !Fact::TABLES.contains(table))
        .collect();
    let indexes = [
        NodeNames,
        ShardNames,
        ShardRanges,
        Placements,
        ActiveShards,
        MigrationEvents,
        Finished,
        Requests,
        InFlight,
    ];
    assert_eq!(left_out, indexes.iter().collect::<Vec<_>>());
    let mut sorted = Fact::TABLES.to_vec();
    sorted.sort();
    assert_eq!(sorted, Fact::TABLES);
}

/// Imports what `change` makes of the facts of a rich database: refused, and nothing is there.
#[track_caller]
fn refused(change: impl FnOnce(&mut Vec<Fact>)) -> ImportError<StoreError> {
    let place = Place::new();
    let mut facts = facts_of(&rich(&place));
    change(&mut facts);
    let copy = Place::new();
    let error = import(&copy, facts).unwrap_err();
    assert!(copy.names().is_empty(), "{:?}", copy.names());
    error
}

/// The position of the first fact of `table`, counted from 0.
fn first(facts: &[Fact], table: TableId) -> usize {
    facts.iter().position(|fact| fact.table() == table).unwrap()
}

#[track_caller]
fn refused_fact(at: usize, error: ImportError<StoreError>) -> FactError {
    match error {
        ImportError::Fact { at: said, source } => {
            assert_eq!(said, at as u64);
            source
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn order_and_doubles_are_refused_with_their_position() {
    let mut at = 0;
    let error = refused(|facts| {
        at = first(facts, TableId::Nodes);
        facts.swap(at, at + 1);
    });
    let error = refused_fact(at + 2, error);
    assert!(
        matches!(
            error,
            FactError::Order {
                table: "nodes",
                after: "nodes"
            }
        ),
        "{error}"
    );

    let error = refused(|facts| {
        at = first(facts, TableId::Shards);
        let node = facts.remove(first(facts, TableId::Nodes));
        facts.insert(at, node);
    });
    let error = refused_fact(at + 1, error);
    assert!(matches!(error, FactError::Order { .. }), "{error}");

    let error = refused(|facts| {
        at = first(facts, TableId::Events);
        facts.insert(at, facts[at].clone());
    });
    let error = refused_fact(at + 2, error);
    assert!(
        matches!(error, FactError::Duplicate { table: "events" }),
        "{error}"
    );
}

#[test]
fn what_only_one_can_have_is_not_given_twice() {
    let mut at = 0;
    let error = refused(|facts| {
        at = first(facts, TableId::Nodes) + 1;
        if let Fact::Node(_, second) = &mut facts[at] {
            second.name = node(1).name;
        }
    });
    let error = refused_fact(at + 1, error);
    assert!(
        matches!(
            error,
            FactError::Taken {
                index: "node_names",
                ..
            }
        ),
        "{error}"
    );

    let error = refused(|facts| {
        for fact in facts.iter_mut() {
            if let Fact::Migration(_, row) = fact
                && !row.status().is_terminal()
            {
                row.shard = S;
            }
        }
        let waits =
            |fact: &Fact| matches!(fact, Fact::Migration(_, row) if !row.status().is_terminal());
        at = facts
            .iter()
            .enumerate()
            .filter(|(_, fact)| waits(fact))
            .nth(1)
            .unwrap()
            .0;
    });
    let error = refused_fact(at + 1, error);
    assert!(
        matches!(
            error,
            FactError::Taken {
                index: "active_shards",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_may_not_be_stored_is_refused() {
    let mut at = 0;
    let error = refused(|facts| {
        at = first(facts, TableId::Nodes);
        if let Fact::Node(_, node) = &mut facts[at] {
            node.weight = 0;
        }
    });
    let error = refused_fact(at + 1, error);
    assert!(
        matches!(
            error,
            FactError::Invalid {
                source: EncodeError::Invalid { .. },
                ..
            }
        ),
        "{error}"
    );

    let error = refused(|facts| {
        if let Fact::Meta(_, meta) = &mut facts[0] {
            meta.format = 2;
        }
    });
    let error = refused_fact(1, error);
    assert!(
        matches!(error, FactError::Format { found: 2, known: 1 }),
        "{error}"
    );

    for (table, name) in [(TableId::Meta, "meta"), (TableId::Settings, "settings")] {
        let error = refused(|facts| facts.retain(|fact| fact.table() != table));
        assert!(
            matches!(error, ImportError::Missing { table } if table == name),
            "{error}"
        );
    }
}

/// Each row may be stored, but an event is missing in the middle: the whole is refused.
#[test]
fn what_breaks_an_invariant_is_refused() {
    let error = refused(|facts| {
        let last = facts
            .iter()
            .rposition(|fact| fact.table() == TableId::Events);
        facts.remove(last.unwrap() - 1);
    });
    let ImportError::Violations { violations, .. } = error else {
        panic!("{error:?}");
    };
    assert!(
        violations.iter().any(|one| one.invariant == "I10"),
        "{violations:?}"
    );

    let error = refused(|facts| {
        for fact in facts.iter_mut() {
            if let Fact::Shard(_, shard) = fact
                && shard.id == ShardId(1)
            {
                shard.owner = NodeId(3);
            }
        }
    });
    assert!(matches!(error, ImportError::Violations { .. }), "{error:?}");

    // A log that could not go on.
    let error = refused(|facts| {
        for fact in facts.iter_mut() {
            if let Fact::Pruned(_, pruned) = fact {
                pruned.through = EventSeq(u64::MAX);
            }
        }
    });
    assert!(matches!(error, ImportError::Violations { .. }), "{error:?}");
}

#[test]
fn a_source_that_fails_leaves_nothing() {
    let place = Place::new();
    let facts = facts_of(&rich(&place));
    let facts = facts.into_iter().take(5).map(Ok);
    let facts = facts.chain([Err(StoreError::ReopenNeeded)]);
    let copy = Place::new();
    let error = MigrationTracker::import(copy.path(), &OpenOptions::default(), facts).unwrap_err();
    assert!(
        matches!(error, ImportError::Source(StoreError::ReopenNeeded)),
        "{error:?}"
    );
    assert!(copy.names().is_empty());
}

#[test]
fn an_import_overwrites_nothing() {
    let place = Place::new();
    let tracker = place.create();
    tracker.begin_migration(S, A, B).unwrap();
    let facts = facts_of(&tracker);
    drop(tracker);
    let error = import(&place, facts).unwrap_err();
    assert!(
        matches!(error, ImportError::Create(OpenError::Exists { .. })),
        "{error:?}"
    );
    let status = place.open().active_migration(S).unwrap().unwrap().status();
    assert_eq!(status, Status::Pending);
}

/// An export is complete or an error: a row that cannot be decoded is named, not left out.
#[test]
fn a_damaged_row_is_not_passed_over() {
    let place = Place::new();
    place.create().begin_migration(S, A, B).unwrap();
    let planter = Planter::open(&place.path());
    planter.put_raw(TableId::Nodes, &A.to_bytes(), b"garbage");
    drop(planter);
    let tracker = place.open();
    let error = tracker
        .export(&mut |_| Ok::<(), ExportError>(()))
        .unwrap_err();
    assert!(
        matches!(
            error,
            ExportError::Store(StoreError::Row { table: "nodes", .. })
        ),
        "{error}"
    );
    let planter_key = tracker.check().unwrap().bad_rows[0].key.clone();
    assert!(error.to_string().contains(&planter_key), "{error}");
}

/// A row of a node, a shard, a migration or an event was set aside: its name, its place, its shard
/// and its request stayed taken by rows of indexes alone. An export left them out, and its import
/// was refused, or freed what was blocked.
#[test]
fn what_only_indexes_still_know_is_not_exported() {
    for table in TableId::ALL.iter().copied() {
        if table.is_index() || matches!(table, TableId::Meta | TableId::SetAside) {
            continue;
        }
        let (faulty, key) = damaged(table);
        let tracker = faulty.place.open();
        tracker.repair(&RepairOptions::default()).unwrap();
        if table == TableId::Settings {
            tracker.set_settings(&Settings::default()).unwrap();
        }
        let mut shown = 0;
        let exported = tracker.export(&mut |_| {
            shown += 1;
            Ok::<(), ExportError>(())
        });
        let named = matches!(
            table,
            TableId::Nodes | TableId::Shards | TableId::Migrations | TableId::Events
        );
        if named {
            let error = exported.unwrap_err();
            let refused =
                matches!(&error, ExportError::SetAside { table: of, .. } if *of == table.name());
            assert!(refused, "{table:?} {error}");
            let said = error.to_string();
            for words in ["`set-aside forgive`), or make a backup", "is in no export"] {
                assert!(said.contains(words), "{said}");
            }
            assert_eq!(shown, 0, "nothing is shown before it is refused");
            tracker.forgive_set_aside(table, &key, "known").unwrap();
            if table == TableId::Nodes {
                tracker.register_node(node(2)).unwrap();
            }
        } else {
            exported.unwrap();
        }
        let facts = facts_of(&tracker);
        let copy = Place::new();
        import(&copy, facts).unwrap();
        assert_eq!(copy.open().image().unwrap(), tracker.image().unwrap());
    }
}

/// As for the export, for facts that somebody else wrote.
#[test]
fn what_only_indexes_would_know_is_not_imported() {
    let mut at = 0;
    let error = refused(|facts| {
        at = facts.len() - 1;
        if let Fact::SetAside(row, _) = &mut facts[at] {
            row.key = ShardId(300).to_bytes();
        }
    });
    let error = refused_fact(at + 1, error);
    assert!(
        matches!(
            error,
            FactError::SetAside {
                table: "shards",
                ..
            }
        ),
        "{error}"
    );
    let said = error.to_string();
    assert!(said.contains("is not in an export: give it up"), "{said}");
}
