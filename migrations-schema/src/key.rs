//! How keys become bytes. Numbers are big-endian, so that the order of bytes is the order of
//! numbers and a range of rows is a range of keys.

use uuid::Uuid;

use crate::id::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::table::TableId;
use crate::text::{NodeName, RangeKey, RequestKey, ShardName};
use crate::v1::PauseScope;

/// Bytes that are not a key of their table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:02x?} is not {expected}")]
pub struct KeyError {
    /// The form that the table's keys have.
    pub expected: &'static str,
    /// The bytes that were found.
    pub found: Vec<u8>,
}

/// Most keys are no longer.
const MOST_BYTES: usize = 24;

/// A key of a table.
pub trait Key: Sized {
    /// The form of the key, for errors.
    const FORM: &'static str;

    /// Appends the bytes of this key.
    fn append_to(&self, bytes: &mut Vec<u8>);

    /// The bytes of this key.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MOST_BYTES);
        self.append_to(&mut bytes);
        bytes
    }

    /// Reads a key; `None` when these are not the bytes of one.
    fn parse(bytes: &[u8]) -> Option<Self>;

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyError`] when these are not the bytes of one.
    fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::parse(bytes).ok_or_else(|| KeyError {
            expected: Self::FORM,
            found: bytes.to_vec(),
        })
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

macro_rules! number_key {
    ($name:ident, $form:literal) => {
        impl Key for $name {
            const FORM: &'static str = $form;

            fn append_to(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.0.to_be_bytes());
            }

            fn parse(bytes: &[u8]) -> Option<Self> {
                number(bytes).map(Self)
            }
        }
    };
}

number_key!(NodeId, "a node id (8 bytes)");
number_key!(ShardId, "a shard id (8 bytes)");
number_key!(EventSeq, "an event number (8 bytes)");
number_key!(TimestampMs, "a time in milliseconds (8 bytes)");

impl Key for MigrationId {
    const FORM: &'static str = "a migration id (16 bytes)";

    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.0.as_bytes());
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

macro_rules! pair_key {
    ($first:ident : $first_len:literal, $second:ident, $form:literal) => {
        impl Key for ($first, $second) {
            const FORM: &'static str = $form;

            fn append_to(&self, bytes: &mut Vec<u8>) {
                self.0.append_to(bytes);
                self.1.append_to(bytes);
            }

            fn parse(bytes: &[u8]) -> Option<Self> {
                let (first, second) = bytes.split_at_checked($first_len)?;
                Some(($first::parse(first)?, $second::parse(second)?))
            }
        }
    };
}

pair_key!(MigrationId: 16, EventSeq, "a migration id and an event number (24 bytes)");
pair_key!(TimestampMs: 8, MigrationId, "a time and a migration id (24 bytes)");
pair_key!(NodeId: 8, ShardId, "a node id and a shard id (16 bytes)");

macro_rules! text_key {
    ($name:ident, $form:literal) => {
        impl Key for $name {
            const FORM: &'static str = $form;

            fn append_to(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.as_str().as_bytes());
            }

            fn parse(bytes: &[u8]) -> Option<Self> {
                Self::new(std::str::from_utf8(bytes).ok()?).ok()
            }
        }
    };
}

text_key!(NodeName, "a node name (1 to 255 bytes of UTF-8)");
text_key!(RequestKey, "a request key (1 to 128 bytes of UTF-8)");

macro_rules! bytes_key {
    ($name:ident, $form:literal) => {
        impl Key for $name {
            const FORM: &'static str = $form;

            fn append_to(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.as_bytes());
            }

            fn parse(bytes: &[u8]) -> Option<Self> {
                Self::new(bytes).ok()
            }
        }
    };
}

bytes_key!(ShardName, "a shard name (1 to 255 bytes)");
bytes_key!(RangeKey, "the start of a range (0 to 1024 bytes)");

macro_rules! one_row_key {
    ($(#[$doc:meta])* $name:ident::$row:ident = $text:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            /// The one row.
            $row,
        }

        impl Key for $name {
            const FORM: &'static str = concat!("the text \"", $text, "\"");

            fn append_to(&self, bytes: &mut Vec<u8>) {
                match self {
                    Self::$row => bytes.extend_from_slice($text.as_bytes()),
                }
            }

            fn parse(bytes: &[u8]) -> Option<Self> {
                (bytes == $text.as_bytes()).then_some(Self::$row)
            }
        }
    };
}

one_row_key! {
    /// The key of [`crate::table::META`]: what the file is.
    MetaKey::File = "file"
}
one_row_key! {
    /// The key of [`crate::table::SETTINGS`]: the settings in force.
    SettingsKey::Current = "current"
}
one_row_key! {
    /// The key of [`crate::table::RETENTION`]: how far the history has been pruned.
    RetentionKey::Pruned = "pruned"
}

/// What a row of [`crate::table::IN_FLIGHT`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotScope {
    /// Every migration that an executor drives.
    Total,
    /// Those whose source is this node.
    Source(NodeId),
    /// Those whose destination is this node.
    Destination(NodeId),
    /// Those from the first node to the second.
    Pair(NodeId, NodeId),
}

impl Key for SlotScope {
    const FORM: &'static str = "a slot scope (0; 1 or 2 and a node id; 3 and two)";

    fn append_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Total => bytes.push(0),
            Self::Source(node) => {
                bytes.push(1);
                node.append_to(bytes);
            }
            Self::Destination(node) => {
                bytes.push(2);
                node.append_to(bytes);
            }
            Self::Pair(from, to) => {
                bytes.push(3);
                from.append_to(bytes);
                to.append_to(bytes);
            }
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, []) => Some(Self::Total),
            (1, rest) => number(rest).map(|node| Self::Source(NodeId(node))),
            (2, rest) => number(rest).map(|node| Self::Destination(NodeId(node))),
            (3, rest) => {
                let (from, to) = rest.split_at_checked(8)?;
                Some(Self::Pair(NodeId::parse(from)?, NodeId::parse(to)?))
            }
            _ => None,
        }
    }
}

impl Key for PauseScope {
    const FORM: &'static str = "a pause scope (0; 1 and a node id; 2 and a migration id)";

    fn append_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Everything => bytes.push(0),
            Self::Node(node) => {
                bytes.push(1);
                node.append_to(bytes);
            }
            Self::Migration(id) => {
                bytes.push(2);
                id.append_to(bytes);
            }
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, []) => Some(Self::Everything),
            (1, rest) => number(rest).map(|node| Self::Node(NodeId(node))),
            (2, rest) => MigrationId::parse(rest).map(Self::Migration),
            _ => None,
        }
    }
}

/// A part of a row that was set aside: the tag of its table, the number of the part, and its key
/// there. In this order: the first parts of a table's rows stand in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The tag of the table ([`crate::table::TableId::tag`]).
    pub table: u8,
    /// Which part of the value this is. The first is 0.
    pub part: u32,
    /// The key, as it stood in that table.
    pub key: Vec<u8>,
}

impl RowKey {
    /// The first part of the row under `key` in `table`.
    #[must_use]
    pub fn first(table: TableId, key: &[u8]) -> Self {
        Self {
            table: table.tag(),
            part: 0,
            key: key.to_vec(),
        }
    }

    /// The same row, another part of it.
    #[must_use]
    pub fn part(&self, part: u32) -> Self {
        Self {
            part,
            ..self.clone()
        }
    }
}

impl Key for RowKey {
    const FORM: &'static str = "a table tag, the number of a part (4 bytes) and a key";

    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.table);
        bytes.extend_from_slice(&self.part.to_be_bytes());
        bytes.extend_from_slice(&self.key);
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (table, rest) = bytes.split_first()?;
        let (part, key) = rest.split_first_chunk()?;
        Some(Self {
            table: *table,
            part: u32::from_be_bytes(*part),
            key: key.to_vec(),
        })
    }
}
