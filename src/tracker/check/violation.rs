use std::fmt;

use crate::schema::key::{Key, MetaKey, RetentionKey, RowKey, SettingsKey, SlotScope};
use crate::schema::table::TableId;
use crate::schema::text::{NodeName, RangeKey, Reason, RequestKey, ShardName};
use crate::schema::v1::PauseScope;
use crate::schema::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The number of the invariant: `I2`.
    pub invariant: &'static str,
    /// The table of the row that shows it.
    pub table: &'static str,
    /// The key of that row, for people.
    pub key: String,
    /// What does not hold.
    pub rule: String,
}

/// How the rule begins that names a row which was set aside.
const IS_SET_ASIDE: &str = "the row was damaged and is set aside: ";

/// What is wrong with a number that [`EventSeq::is_reachable`] and its like refuse.
pub(super) const NOT_REACHED: &str = "is 2^63 or more: nothing counts that far, and it has no next";

impl Violation {
    /// Names a row that was set aside.
    pub(super) fn set_aside(table: TableId, key: &[u8], reason: &Reason) -> Self {
        Self {
            invariant: "I11",
            table: table.name(),
            key: hex(key),
            rule: format!("{IS_SET_ASIDE}{reason}"),
        }
    }

    /// Whether it only names a row that was set aside and waits for an operator.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        self.rule.starts_with(IS_SET_ASIDE)
    }

    pub(super) fn new(
        invariant: &'static str,
        table: TableId,
        key: &impl ShownKey,
        rule: impl Into<String>,
    ) -> Self {
        Self {
            invariant,
            table: table.name(),
            key: key.shown(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            invariant,
            table,
            key,
            rule,
        } = self;
        write!(f, "{invariant}: table {table}, key {key}: {rule}")
    }
}

/// Bytes as the errors of the store show them.
pub(in crate::tracker) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.fold("0x".to_owned(), |all, one| all + &one)
}

/// A key as people read it.
pub(in crate::tracker) trait ShownKey: Key {
    fn shown(&self) -> String;
}

macro_rules! shown {
    ($($key:ty: |$value:ident| $shown:expr;)*) => {
        $(impl ShownKey for $key {
            fn shown(&self) -> String {
                let $value = self;
                $shown
            }
        })*
    };
}

shown! {
    NodeId: |id| format!("node {id}");
    ShardId: |id| format!("shard {id}");
    MigrationId: |id| format!("migration {id}");
    EventSeq: |seq| format!("event {seq}");
    NodeName: |name| format!("name \"{name}\"");
    ShardName: |name| format!("name \"{name}\"");
    RangeKey: |start| format!("start \"{start}\"");
    RequestKey: |key| format!("request \"{key}\"");
    (NodeId, ShardId): |pair| format!("node {}, shard {}", pair.0, pair.1);
    (MigrationId, EventSeq): |pair| format!("migration {}, event {}", pair.0, pair.1);
    (TimestampMs, MigrationId): |pair| format!("{} ms, migration {}", pair.0, pair.1);
    MetaKey: |_key| "file".to_owned();
    SettingsKey: |_key| "current".to_owned();
    RetentionKey: |_key| "pruned".to_owned();
    RowKey: |row| {
        let table = TableId::from_tag(row.table).map_or("?", TableId::name);
        format!("{table} {}, part {}", hex(&row.key), row.part)
    };
    SlotScope: |scope| match scope {
        SlotScope::Total => "total".to_owned(),
        SlotScope::Source(node) => format!("source node {node}"),
        SlotScope::Destination(node) => format!("destination node {node}"),
        SlotScope::Pair(from, to) => format!("from node {from} to node {to}"),
    };
    PauseScope: |scope| match scope {
        PauseScope::Everything => "everything".to_owned(),
        PauseScope::Node(node) => format!("node {node}"),
        PauseScope::Migration(id) => format!("migration {id}"),
    };
}
