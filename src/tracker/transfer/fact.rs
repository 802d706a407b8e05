use crate::schema::key::{Key as _, MetaKey, RetentionKey, RowKey, SettingsKey};
use crate::schema::table::{self, TableId};
use crate::schema::v1::{
    Cleanup, Event, FileMeta, LastMove, Migration, Node, Pause, PauseScope, Pruned, Quarantined,
    SetAsideRow, Settings, Shard,
};
use crate::schema::{EventSeq, MigrationId, NodeId, ShardId};
use crate::store::{Row, StoreError, Tx, put};

macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident($key:ty, $record:ty) in $table:ident;)*) => {
        /// A row that follows from no other row, with its key. Indexes follow from these.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(clippy::large_enum_variant, reason = "facts come one at a time")]
        pub enum Fact {
            $($(#[$doc])* $variant($key, $record),)*
        }

        impl Fact {
            /// The tables of facts, in the order in which they are exported.
            pub const TABLES: &'static [TableId] = &[$(table::$table.id()),*];

            /// The table that it belongs to.
            #[must_use]
            pub const fn table(&self) -> TableId {
                match self { $(Self::$variant(..) => table::$table.id(),)* }
            }

            /// The bytes of its key. Facts of a table come in the order of these.
            #[must_use]
            pub fn key_bytes(&self) -> Vec<u8> {
                match self { $(Self::$variant(key, _) => key.to_bytes(),)* }
            }

            /// The fact that `row` of `table` is; `None` for the row of an index.
            pub(super) fn read(table: TableId, row: &Row) -> Option<Result<Self, StoreError>> {
                $(if table == table::$table.id() {
                    let key = table::$table.key(&row.key);
                    let read = key.map_err(|source| StoreError::key(table, source));
                    return Some(read.and_then(|key| {
                        let record = table::$table.decode(&key, &row.value);
                        let record = record
                            .map_err(|source| StoreError::row(table, &row.key, source))?;
                        Ok(Self::$variant(key, record))
                    }));
                })*
                None
            }

            /// Writes its row.
            pub(super) fn put(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
                match self {
                    $(Self::$variant(key, record) => put(tx, table::$table, key, record),)*
                }
            }
        }
    };
}

facts! {
    /// What the file is.
    Meta(MetaKey, FileMeta) in META;
    /// The settings in force.
    Settings(SettingsKey, Settings) in SETTINGS;
    /// A registered node.
    Node(NodeId, Node) in NODES;
    /// A registered shard.
    Shard(ShardId, Shard) in SHARDS;
    /// A migration, under way or ended.
    Migration(MigrationId, Migration) in MIGRATIONS;
    /// An entry of the log.
    Event(EventSeq, Event) in EVENTS;
    /// How far the history has been pruned.
    Pruned(RetentionKey, Pruned) in RETENTION;
    /// A copy that has to go.
    Cleanup((NodeId, ShardId), Cleanup) in CLEANUPS;
    /// The last cutover of a shard.
    LastMove(ShardId, LastMove) in LAST_MOVES;
    /// Something that is paused.
    Pause(PauseScope, Pause) in PAUSES;
    /// A shard in quarantine.
    Quarantined(ShardId, Quarantined) in QUARANTINE;
    /// A row that could not be decoded and was set aside.
    SetAside(RowKey, SetAsideRow) in SET_ASIDE;
}
