//! The committed bytes: what the current code writes is what they are, and it reads them all.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use migrations_schema::table::TableId;

use crate::cases::{self, Case};
use crate::fixture_file::{self, Fixture};

/// Set it to write fixtures that are missing.
const BLESS: &str = "SHARDFERRY_BLESS";

#[test]
fn the_code_writes_and_reads_each_committed_row() {
    let bless = std::env::var_os(BLESS).is_some_and(|value| value == "1");
    let mut faults = String::new();
    for table in TableId::ALL {
        let cases: Vec<&Case> = cases::all()
            .iter()
            .filter(|case| case.table == *table)
            .collect();
        let mut fixtures = fixture_file::load(*table);
        let committed = fixtures.len();
        for case in cases {
            if let Err(fault) = compare(case, &mut fixtures, bless) {
                writeln!(faults, "{}/{}: {fault}", table.name(), case.name).unwrap();
            }
        }
        if fixtures.len() > committed {
            fixture_file::save(*table, &fixtures);
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Compares one case with its committed row. With `bless`, a missing row is added; one that
/// differs stays a fault, because changed bytes are a new version of the record.
fn compare(case: &Case, fixtures: &mut Vec<Fixture>, bless: bool) -> Result<(), String> {
    let Some(fixture) = fixtures.iter().find(|fixture| fixture.name == case.name) else {
        if !bless {
            return Err(format!("no fixture; {BLESS}=1 writes it"));
        }
        case.read_back(&case.key, &case.value)?;
        fixtures.push(Fixture {
            name: case.name.clone(),
            key: case.key.clone(),
            value: case.value.clone(),
        });
        return Ok(());
    };
    if fixture.key != case.key {
        return Err("the key is no longer written as committed".to_owned());
    }
    if fixture.value != case.value {
        return Err(
            "the value is no longer written as committed. A released layout is never edited: \
             add a new version of the record. Before the release, delete the case from its file \
             and bless it again"
                .to_owned(),
        );
    }
    case.read_back(&fixture.key, &fixture.value)
}

#[test]
fn every_table_has_its_cases_and_there_are_no_others() {
    let cases = cases::all();
    for table in TableId::ALL {
        let built: Vec<&str> = cases
            .iter()
            .filter(|case| case.table == *table)
            .map(|case| case.name.as_str())
            .collect();
        let names: BTreeSet<&str> = built.iter().copied().collect();
        assert_eq!(names.len(), built.len(), "{}: two of a name", table.name());
        assert!(names.contains("minimal"), "{}", table.name());
        assert!(names.contains("maximal"), "{}", table.name());

        let fixtures = fixture_file::load(*table);
        let committed: BTreeSet<&str> = fixtures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(committed.len(), fixtures.len(), "{}", table.name());
        assert_eq!(committed, names, "{}", table.name());
    }
}

#[test]
fn the_fixture_folder_holds_one_file_per_table_and_nothing_else() {
    let found: BTreeSet<String> = std::fs::read_dir(fixture_file::folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = TableId::ALL
        .iter()
        .map(|table| format!("{}.txt", table.name()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_changed_row_is_a_fault_even_when_blessing() {
    let case = &cases::all()[0];
    let mut changed = vec![Fixture {
        name: case.name.clone(),
        key: case.key.clone(),
        value: [case.value.as_slice(), &[0]].concat(),
    }];
    let fault = compare(case, &mut changed, true).unwrap_err();
    assert!(fault.contains("never edited"), "{fault}");
    assert_eq!(changed.len(), 1);
    assert!(compare(case, &mut Vec::new(), false).is_err());
}
