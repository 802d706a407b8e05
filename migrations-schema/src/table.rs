//! The tables of format 1. `SCHEMA.md` describes each to the byte.

use std::marker::PhantomData;

use crate::codec::{self, DecodeError, EncodeError, Record};
use crate::id::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::key::{Key, KeyError, MetaKey, RetentionKey, RowKey, SettingsKey, SlotScope};
use crate::text::{NodeName, RangeKey, RequestKey, ShardName};
use crate::v1;

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $tag:literal, $name:literal;)*) => {
        /// A table. The tag is part of each value and is never used again for another table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum TableId {
            $($(#[$doc])* $variant,)*
        }

        impl TableId {
            /// Every table, in the order of the tags.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of the table in the file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number of the table in the envelope of its values.
            #[must_use]
            pub const fn tag(self) -> u8 {
                match self { $(Self::$variant => $tag,)* }
            }
        }
    };
}

tables! {
    /// What the file is.
    Meta = 1, "meta";
    /// The settings in force.
    Settings = 2, "settings";
    /// Node -> record.
    Nodes = 3, "nodes";
    /// Index: node name -> node.
    NodeNames = 4, "node_names";
    /// Shard -> record.
    Shards = 5, "shards";
    /// Index: shard name -> shard.
    ShardNames = 6, "shard_names";
    /// Index: start of a key range -> shard.
    ShardRanges = 7, "shard_ranges";
    /// Index: (node, shard) for each copy that serves.
    Placements = 8, "placements";
    /// Migration -> record.
    Migrations = 9, "migrations";
    /// Index: shard -> its one migration under way.
    ActiveShards = 10, "active_shards";
    /// Position -> event.
    Events = 11, "events";
    /// Index: (migration, position of an event).
    MigrationEvents = 12, "migration_events";
    /// Index: (end, migration), for retention.
    Finished = 13, "finished";
    /// How far the history has been pruned.
    Retention = 14, "retention";
    /// (Node, shard) -> a copy that has to go.
    Cleanups = 15, "cleanups";
    /// Shard -> its last cutover, for the cooldown.
    LastMoves = 16, "last_moves";
    /// Index: request key -> the migration it began.
    Requests = 17, "requests";
    /// Index: how many migrations executors drive, in total and per node.
    InFlight = 18, "in_flight";
    /// Scope -> why it is paused.
    Pauses = 19, "pauses";
    /// Shard -> why it is set aside.
    Quarantine = 20, "quarantine";
    /// (Table, part, key) -> an undecodable row that was taken out of its table.
    SetAside = 21, "set_aside";
}

impl TableId {
    /// The table with this tag.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.tag() == tag)
    }

    /// Whether every row of it follows from the rows of other tables.
    #[must_use]
    pub const fn is_index(self) -> bool {
        match self {
            Self::NodeNames
            | Self::ShardNames
            | Self::ShardRanges
            | Self::Placements
            | Self::ActiveShards
            | Self::MigrationEvents
            | Self::Finished
            | Self::Requests
            | Self::InFlight => true,
            Self::Meta
            | Self::Settings
            | Self::Nodes
            | Self::Shards
            | Self::Migrations
            | Self::Events
            | Self::Retention
            | Self::Cleanups
            | Self::LastMoves
            | Self::Pauses
            | Self::Quarantine
            | Self::SetAside => false,
        }
    }

    /// The table with this name in the file.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }
}

/// A table whose rows are `R` under [`Record::Key`].
#[derive(Debug)]
pub struct Table<R> {
    id: TableId,
    rows: PhantomData<fn() -> R>,
}

impl<R> Clone for Table<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Table<R> {}

impl<R> Table<R> {
    const fn new(id: TableId) -> Self {
        Self {
            id,
            rows: PhantomData,
        }
    }

    /// Which table this is.
    #[must_use]
    pub const fn id(self) -> TableId {
        self.id
    }
}

impl<R: Record> Table<R> {
    /// The value that holds `record` under `key`.
    ///
    /// # Errors
    /// [`EncodeError`] when the record breaks a rule of its type or is too long.
    pub fn encode(self, key: &R::Key, record: &R) -> Result<Vec<u8>, EncodeError> {
        self.encode_under(key, &key.to_bytes(), record)
    }

    /// As [`Self::encode`], of a key whose bytes are `key_bytes`: they are not made again.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_under(
        self,
        key: &R::Key,
        key_bytes: &[u8],
        record: &R,
    ) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self.id, key, key_bytes, record)
    }

    /// The record that `value` holds under `key`.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but the bytes that [`Self::encode`] gives for a valid record.
    pub fn decode(self, key: &R::Key, value: &[u8]) -> Result<R, DecodeError> {
        codec::decode(self.id, key, &key.to_bytes(), value)
    }

    /// As [`Self::decode`], of a key that was read from `key_bytes`: nothing is written to find its
    /// bytes.
    ///
    /// # Errors
    /// As [`Self::decode`].
    #[inline]
    pub fn decode_under(
        self,
        key: &R::Key,
        key_bytes: &[u8],
        value: &[u8],
    ) -> Result<R, DecodeError> {
        codec::decode(self.id, key, key_bytes, value)
    }

    /// The key that `bytes` are.
    ///
    /// # Errors
    /// [`KeyError`] when they are none.
    pub fn key(self, bytes: &[u8]) -> Result<R::Key, KeyError> {
        R::Key::from_bytes(bytes)
    }
}

macro_rules! definitions {
    ($($const:ident, $variant:ident: $key:ty => $record:ty;)*) => {
        $(
            #[doc = concat!("The rows of [`TableId::", stringify!($variant), "`].")]
            pub const $const: Table<$record> = Table::new(TableId::$variant);

            const _: fn() = || {
                fn same<R: Record<Key = K>, K: Key>() {}
                same::<$record, $key>();
            };
        )*
    };
}

definitions! {
    META, Meta: MetaKey => v1::FileMeta;
    SETTINGS, Settings: SettingsKey => v1::Settings;
    NODES, Nodes: NodeId => v1::Node;
    NODE_NAMES, NodeNames: NodeName => v1::NodeNameEntry;
    SHARDS, Shards: ShardId => v1::Shard;
    SHARD_NAMES, ShardNames: ShardName => v1::ShardNameEntry;
    SHARD_RANGES, ShardRanges: RangeKey => v1::RangeEntry;
    PLACEMENTS, Placements: (NodeId, ShardId) => v1::Placement;
    MIGRATIONS, Migrations: MigrationId => v1::Migration;
    ACTIVE_SHARDS, ActiveShards: ShardId => v1::ActiveShard;
    EVENTS, Events: EventSeq => v1::Event;
    MIGRATION_EVENTS, MigrationEvents: (MigrationId, EventSeq) => v1::MigrationEvent;
    FINISHED, Finished: (TimestampMs, MigrationId) => v1::Finished;
    RETENTION, Retention: RetentionKey => v1::Pruned;
    CLEANUPS, Cleanups: (NodeId, ShardId) => v1::Cleanup;
    LAST_MOVES, LastMoves: ShardId => v1::LastMove;
    REQUESTS, Requests: RequestKey => v1::Request;
    IN_FLIGHT, InFlight: SlotScope => v1::InFlight;
    PAUSES, Pauses: v1::PauseScope => v1::Pause;
    QUARANTINE, Quarantine: ShardId => v1::Quarantined;
    SET_ASIDE, SetAside: RowKey => v1::SetAsideRow;
}
