//! A fact as the value of a line, and back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shardferry::schema::key::{MetaKey, RetentionKey, RowKey, SettingsKey};
use shardferry::schema::table::TableId;
use shardferry::schema::v1::{Cleanup, Event, Migration, Node, Shard};
use shardferry::tracker::Fact;

use super::integer::{mark, unmark};
use super::line::Fault;
use crate::text::hex;

/// `{"table": ..., "row": ...}`, with a `"key"` where the row itself does not say it.
pub(super) fn to_value(fact: &Fact) -> Result<Value, serde_json::Error> {
    let (key, row) = match fact {
        Fact::Meta(_, row) => (None, value(row)?),
        Fact::Settings(_, row) => (None, value(row)?),
        Fact::Node(_, row) => (None, value(row)?),
        Fact::Shard(_, row) => (None, value(row)?),
        Fact::Migration(_, row) => (None, value(row)?),
        Fact::Event(_, row) => (None, value(row)?),
        Fact::Pruned(_, row) => (None, value(row)?),
        Fact::Cleanup(_, row) => (None, value(row)?),
        Fact::LastMove(key, row) => (Some(value(key)?), value(row)?),
        Fact::Pause(key, row) => (Some(value(key)?), value(row)?),
        Fact::Quarantined(key, row) => (Some(value(key)?), value(row)?),
        Fact::SetAside(key, row) => {
            let key = json!({ "table": key.table, "part": key.part, "key": hex(&key.key) });
            (Some(key), value(row)?)
        }
    };
    let table = fact.table().name();
    Ok(match key {
        Some(key) => json!({ "table": table, "key": key, "row": row }),
        None => json!({ "table": table, "row": row }),
    })
}

fn value(of: &impl Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(of).map(mark)
}

/// The fact that a line is. A field that is unknown or missing, or has another form than the one
/// that is written, is refused: what is read is exactly what would be written.
pub(super) fn from_value(line: &Value) -> Result<Fact, Fault> {
    let parts: Parts = serde_json::from_value(line.clone()).map_err(Fault::Row)?;
    let table = TableId::from_name(&parts.table).ok_or(Fault::UnknownTable(parts.table.clone()))?;
    let fact = fact(table, parts)?;
    let again = to_value(&fact).map_err(|source| Fault::Record {
        table: table.name(),
        source,
    })?;
    match difference("the line", &again, line) {
        Some(fault) => Err(fault),
        None => Ok(fact),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    table: String,
    #[serde(default)]
    key: Value,
    row: Value,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RowKeyParts {
    table: u8,
    part: u32,
    key: String,
}

fn fact(table: TableId, parts: Parts) -> Result<Fact, Fault> {
    let Parts { key, row, .. } = parts;
    Ok(match table {
        TableId::Meta => Fact::Meta(MetaKey::File, read(table, row)?),
        TableId::Settings => Fact::Settings(SettingsKey::Current, read(table, row)?),
        TableId::Nodes => {
            let row: Node = read(table, row)?;
            Fact::Node(row.id, row)
        }
        TableId::Shards => {
            let row: Shard = read(table, row)?;
            Fact::Shard(row.id, row)
        }
        TableId::Migrations => {
            let row: Migration = read(table, row)?;
            Fact::Migration(row.id, row)
        }
        TableId::Events => {
            let row: Event = read(table, row)?;
            Fact::Event(row.seq, row)
        }
        TableId::Retention => Fact::Pruned(RetentionKey::Pruned, read(table, row)?),
        TableId::Cleanups => {
            let row: Cleanup = read(table, row)?;
            Fact::Cleanup((row.node, row.shard), row)
        }
        TableId::LastMoves => Fact::LastMove(read(table, key)?, read(table, row)?),
        TableId::Pauses => Fact::Pause(read(table, key)?, read(table, row)?),
        TableId::Quarantine => Fact::Quarantined(read(table, key)?, read(table, row)?),
        TableId::SetAside => Fact::SetAside(row_key(table, key)?, read(table, row)?),
        TableId::NodeNames
        | TableId::ShardNames
        | TableId::ShardRanges
        | TableId::Placements
        | TableId::ActiveShards
        | TableId::MigrationEvents
        | TableId::Finished
        | TableId::Requests
        | TableId::InFlight => return Err(Fault::Index(table.name().to_owned())),
    })
}

fn read<T: DeserializeOwned>(table: TableId, value: Value) -> Result<T, Fault> {
    serde_json::from_value(unmark(value)).map_err(|source| Fault::Record {
        table: table.name(),
        source,
    })
}

fn row_key(table: TableId, value: Value) -> Result<RowKey, Fault> {
    let parts: RowKeyParts = read(table, value)?;
    // Digits that are none leave a shorter key, which is then not what would be written.
    let pairs = parts.key.as_bytes().chunks(2);
    let bytes =
        pairs.map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    Ok(RowKey {
        table: parts.table,
        part: parts.part,
        key: bytes.collect(),
    })
}

/// The first place in which the two differ.
fn difference(at: &str, expected: &Value, found: &Value) -> Option<Fault> {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            names.into_iter().find_map(|name| {
                let at = format!("{at}, {name}");
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => difference(&at, a, b),
                    (a, b) => Some(differs(at, a, b)),
                }
            })
        }
        (a, b) if a == b => None,
        (a, b) => Some(differs(at.to_owned(), Some(a), Some(b))),
    }
}

fn differs(at: String, expected: Option<&Value>, found: Option<&Value>) -> Fault {
    let shown = |value: Option<&Value>| {
        let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        match text.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
            None => text,
        }
    };
    Fault::NotCanonical {
        at,
        expected: shown(expected),
        found: shown(found),
    }
}

/// How much of a value an error shows.
const SHOWN_CHARS: usize = 60;
