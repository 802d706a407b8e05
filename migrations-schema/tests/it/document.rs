//! SCHEMA.md says what the bytes are: where it can be held to the code, it is.

use migrations_schema::codec::HEADER_BYTES;
use migrations_schema::table::TableId;
use migrations_schema::v1::SetAsideRow;

use crate::cases;
use crate::fixture_file;
use crate::tables::TABLES;

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/SCHEMA.md")).unwrap()
}

/// The cells of the lines of a table.
fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").map(str::trim).collect())
}

#[test]
fn every_table_is_described_under_its_tag() {
    let document = document();
    for (tag, name) in TABLES {
        let heading = format!("### {tag} `{name}`");
        assert!(document.contains(&heading), "SCHEMA.md has no `{heading}`");
    }
}

/// The bytes of the worked example are a committed row, each at the offset that is given for it.
#[test]
fn the_worked_example_is_a_fixture() {
    let document = document();
    let (_, example) = document
        .split_once("## A value, byte by byte")
        .expect("the heading of the example");
    let mut value = Vec::new();
    for line in cells(example).filter(|line| line[0] != "offset") {
        assert_eq!(line[0].parse(), Ok(value.len()), "{line:?}");
        for byte in line[1].trim_matches('`').split(' ') {
            value.push(u8::from_str_radix(byte, 16).unwrap());
        }
    }
    let fixtures = fixture_file::load(TableId::Nodes);
    let typical = fixtures.iter().find(|row| row.name == "typical").unwrap();
    assert_eq!(value, typical.value);
    assert!(example.contains(&format!("{}\nbytes", value.len())));
}

/// How long payloads become, as the table of the document says: the largest rows of the fixtures
/// are built from the limits of their fields.
#[test]
fn the_longest_payloads_are_those_of_the_document() {
    let document = document();
    let (_, lengths) = document
        .split_once("### How long payloads become")
        .expect("the heading of the lengths");
    let (lengths, _) = lengths.split_once("\n#").unwrap();
    let cases = cases::all();
    let mut rest = 0;
    let mut told = Vec::new();
    for line in cells(lengths).filter(|line| line[0] != "table") {
        told.push((line[0].trim_matches('`'), line[1].replace(',', "")));
    }
    for table in TableId::ALL {
        let of_table = cases.iter().filter(|case| case.table == *table);
        let longest = of_table.map(|case| case.value.len()).max().unwrap() - HEADER_BYTES;
        match told.iter().find(|(name, _)| *name == table.name()) {
            Some((name, length)) => assert_eq!(*length, longest.to_string(), "{name}"),
            None => rest = rest.max(longest),
        }
        if *table != TableId::SetAside {
            // A row of this length that is damaged is set aside whole.
            assert!((longest + HEADER_BYTES) as u64 <= SetAsideRow::VALUE_BYTES_MAX);
        }
    }
    let (_, others) = told.iter().find(|(name, _)| *name == "all others").unwrap();
    assert_eq!(*others, rest.to_string());
}
