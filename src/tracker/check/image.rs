use std::collections::BTreeMap;

use super::Violation;
use super::violation::ShownKey;
use crate::schema::codec::Record;
use crate::schema::key::{MetaKey, RetentionKey, RowKey, SettingsKey, SlotScope};
use crate::schema::table::{self, Table, TableId};
use crate::schema::text::{NodeName, RangeKey, RequestKey, ShardName};
use crate::schema::v1::{
    ActiveShard, Cleanup, Event, EventKind, FileMeta, Finished, InFlight, LastMove, Migration,
    MigrationEvent, Node, NodeNameEntry, Pause, PauseScope, Placement, Pruned, Quarantined,
    RangeEntry, Request, SetAsideRow, Settings, Shard, ShardNameEntry,
};
use crate::schema::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::{BadRow, ReadRows, Scan, StoreError, scan_lenient};
use crate::tracker::MigrationTracker;

macro_rules! image {
    ($($(#[$doc:meta])* $field:ident: $key:ty => $record:ty, $table:ident;)*) => {
        /// Every row of a file, of one instant, decoded.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Image {
            $($(#[$doc])* pub $field: BTreeMap<$key, $record>,)*
            /// Rows that could not be decoded; they do not appear above.
            pub bad_rows: Vec<BadRow>,
        }

        impl Image {
            pub(in crate::tracker) fn read(
                rows: &mut (impl ReadRows + ?Sized),
            ) -> Result<Self, StoreError> {
                let mut bad_rows = Vec::new();
                Ok(Self {
                    $($field: every(rows, table::$table, &mut bad_rows)?,)*
                    bad_rows,
                })
            }

            /// The rows in which the two differ, one by one.
            pub(super) fn differences(
                &self,
                after: &Self,
                invariant: &'static str,
                rule: &str,
            ) -> Vec<Violation> {
                let mut found = Vec::new();
                $(differing(
                    (invariant, table::$table.id(), rule),
                    &self.$field,
                    &after.$field,
                    &mut found,
                );)*
                if self.bad_rows != after.bad_rows {
                    found.push(Violation {
                        invariant,
                        table: "(bad rows)",
                        key: format!("{:?}", after.bad_rows),
                        rule: format!("{rule}; before: {:?}", self.bad_rows),
                    });
                }
                found
            }
        }
    };
}

image! {
    /// What the file is.
    meta: MetaKey => FileMeta, META;
    /// The settings in force.
    settings: SettingsKey => Settings, SETTINGS;
    /// Registered nodes.
    nodes: NodeId => Node, NODES;
    /// Index: their names.
    node_names: NodeName => NodeNameEntry, NODE_NAMES;
    /// Registered shards.
    shards: ShardId => Shard, SHARDS;
    /// Index: their names.
    shard_names: ShardName => ShardNameEntry, SHARD_NAMES;
    /// Index: the starts of their ranges.
    shard_ranges: RangeKey => RangeEntry, SHARD_RANGES;
    /// Index: where their copies serve.
    placements: (NodeId, ShardId) => Placement, PLACEMENTS;
    /// Migrations, under way and ended.
    migrations: MigrationId => Migration, MIGRATIONS;
    /// Index: those under way, by shard.
    active_shards: ShardId => ActiveShard, ACTIVE_SHARDS;
    /// The log.
    events: EventSeq => Event, EVENTS;
    /// Index: the log by migration.
    migration_events: (MigrationId, EventSeq) => MigrationEvent, MIGRATION_EVENTS;
    /// Index: ended migrations by their end.
    finished: (TimestampMs, MigrationId) => Finished, FINISHED;
    /// How far history has been pruned.
    retention: RetentionKey => Pruned, RETENTION;
    /// Copies that have to go.
    cleanups: (NodeId, ShardId) => Cleanup, CLEANUPS;
    /// The last cutover of each shard.
    last_moves: ShardId => LastMove, LAST_MOVES;
    /// Request keys.
    requests: RequestKey => Request, REQUESTS;
    /// Index: how many migrations executors drive.
    in_flight: SlotScope => InFlight, IN_FLIGHT;
    /// What is paused.
    pauses: PauseScope => Pause, PAUSES;
    /// Shards that are set aside.
    quarantine: ShardId => Quarantined, QUARANTINE;
    /// Rows that were set aside.
    set_aside: RowKey => SetAsideRow, SET_ASIDE;
}

impl Image {
    /// The settings in force.
    #[must_use]
    pub fn settings_in_force(&self) -> Settings {
        let row = self.settings.get(&SettingsKey::Current);
        row.cloned().unwrap_or_default()
    }

    /// How far history has been pruned.
    #[must_use]
    pub fn pruned(&self) -> Pruned {
        let row = self.retention.get(&RetentionKey::Pruned);
        row.cloned().unwrap_or_default()
    }

    /// The events of a migration, oldest first, by what the events themselves say.
    pub(super) fn events_by_migration(&self) -> BTreeMap<MigrationId, Vec<&Event>> {
        let mut by_migration: BTreeMap<_, Vec<&Event>> = BTreeMap::new();
        for event in self.events.values() {
            if let Some(id) = event.migration {
                by_migration.entry(id).or_default().push(event);
            }
        }
        by_migration
    }

    /// Migrations under way, by id.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Migration> {
        let rows = self.migrations.values();
        rows.filter(|migration| !migration.status().is_terminal())
    }

    /// Whether the events of `migration` are all kept: retention takes them oldest first, and at
    /// most so many at once, so that an ended one may be kept with the later ones only.
    pub(super) fn history_is_whole(migration: &Migration, events: &[&Event]) -> bool {
        !migration.status().is_terminal()
            || events
                .first()
                .is_some_and(|event| matches!(event.kind, EventKind::Begun { .. }))
    }
}

impl MigrationTracker {
    /// Every row of the file, decoded, in one consistent state. For checks and tests: it costs the
    /// whole file in memory.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read; damaged rows are in [`Image::bad_rows`].
    pub fn image(&self) -> Result<Image, StoreError> {
        self.store.read(|rows| Image::read(rows))
    }
}

fn every<R: Record<Key: Ord>>(
    rows: &mut (impl ReadRows + ?Sized),
    table: Table<R>,
    bad: &mut Vec<BadRow>,
) -> Result<BTreeMap<R::Key, R>, StoreError> {
    let rows = scan_lenient(rows, table, &Scan::all(), bad)?;
    Ok(rows.into_iter().collect())
}

fn differing<K: ShownKey + Ord, R: PartialEq>(
    (invariant, table, rule): (&'static str, TableId, &str),
    before: &BTreeMap<K, R>,
    after: &BTreeMap<K, R>,
    found: &mut Vec<Violation>,
) {
    for (key, row) in before {
        let what = match after.get(key) {
            None => "the row is gone",
            Some(now) if now != row => "the row changed",
            Some(_) => continue,
        };
        found.push(Violation::new(
            invariant,
            table,
            key,
            format!("{what}; {rule}"),
        ));
    }
    for key in after.keys().filter(|key| !before.contains_key(key)) {
        let rule = format!("the row is new; {rule}");
        found.push(Violation::new(invariant, table, key, rule));
    }
}
