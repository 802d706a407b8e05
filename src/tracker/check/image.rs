use std::collections::BTreeMap;

use super::Violation;
use super::lost::gives_up_a_migration;
use super::violation::ShownKey;
use crate::schema::codec::Record;
use crate::schema::key::{Key, MetaKey, RetentionKey, RowKey, SettingsKey, SlotScope};
use crate::schema::table::{self, Table, TableId};
use crate::schema::text::{NodeName, RangeKey, RequestKey, ShardName};
use crate::schema::v1::{
    ActiveShard, Cleanup, Event, EventKind, FileMeta, Finished, InFlight, LastMove, Migration,
    MigrationEvent, Node, NodeNameEntry, Pause, PauseScope, Placement, Pruned, Quarantined,
    RangeEntry, Request, SetAsideRow, Settings, Shard, ShardNameEntry,
};
use crate::schema::{EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::{BadRow, ReadRows, Scan, StoreError, each_row};
use crate::tracker::MigrationTracker;

macro_rules! image {
    ($($(#[$doc:meta])* $field:ident: $key:ty => $record:ty, $table:ident;)*) => {
        /// Every row of a file, of one instant, decoded.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Image {
            $($(#[$doc])* pub $field: BTreeMap<$key, $record>,)*
            /// Rows that could not be decoded; they do not appear above.
            pub bad_rows: Vec<BadRow>,
            /// The same rows by their places, with what is wrong.
            pub(in crate::tracker) unreadable: BTreeMap<(TableId, Vec<u8>), String>,
        }

        impl Image {
            pub(in crate::tracker) fn read(
                rows: &mut (impl ReadRows + ?Sized),
            ) -> Result<Self, StoreError> {
                let mut image = Self::default();
                $(image.$field = image.every(rows, table::$table)?;)*
                Ok(image)
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
    /// Reads a table; what cannot be decoded is remembered as such.
    fn every<R: Record<Key: Ord>>(
        &mut self,
        rows: &mut (impl ReadRows + ?Sized),
        table: Table<R>,
    ) -> Result<BTreeMap<R::Key, R>, StoreError> {
        let mut found = BTreeMap::new();
        each_row(rows, table, &Scan::all(), &mut |key, row| match row {
            Ok((key, row)) => {
                found.insert(key, row);
            }
            Err(row) => {
                let place = (table.id(), key.to_vec());
                self.unreadable.insert(place, row.reason.clone());
                self.bad_rows.push(row);
            }
        })?;
        Ok(found)
    }

    /// Whether a row is under `key` and cannot be read, or was set aside from there.
    pub(in crate::tracker) fn is_lost(&self, table: TableId, key: &impl Key) -> bool {
        let key = key.to_bytes();
        self.set_aside.contains_key(&RowKey::first(table, &key))
            || self.unreadable.contains_key(&(table, key))
    }

    /// Whether any row of the table cannot be read, or was set aside.
    pub(in crate::tracker) fn has_lost(&self, table: TableId) -> bool {
        let first = RowKey::first(table, &[]);
        let mut set_aside = self.set_aside.range(first.clone()..first.part(1));
        let mut unreadable = self.unreadable.range((table, Vec::new())..);
        set_aside.next().is_some() || unreadable.next().is_some_and(|((of, _), _)| *of == table)
    }

    /// The settings in force.
    #[must_use]
    pub fn settings_in_force(&self) -> Settings {
        let row = self.settings.get(&SettingsKey::Current);
        row.cloned().unwrap_or_default()
    }

    /// Whether there never was a migration with this id: retention took none yet, no record is lost,
    /// and no event speaks of it.
    pub(super) fn never_was(&self, id: MigrationId) -> bool {
        !self.migrations.contains_key(&id)
            && self.pruned().migrations == 0
            && !self.is_lost(TableId::Retention, &RetentionKey::Pruned)
            && !self.is_lost(TableId::Migrations, &id)
            && !self
                .events
                .values()
                .any(|event| event.migration == Some(id))
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

    /// The events of a migration by the index, whether they can be read or not.
    pub(in crate::tracker) fn events_about(
        &self,
        id: MigrationId,
    ) -> impl Iterator<Item = EventSeq> {
        let of_it = (id, EventSeq(0))..=(id, EventSeq(u64::MAX));
        self.migration_events.range(of_it).map(|((_, seq), _)| *seq)
    }

    /// Whether an index or an event names the migration.
    pub(in crate::tracker) fn is_named(&self, id: MigrationId) -> bool {
        self.active_shards.values().any(|row| row.migration == id)
            || self.finished.keys().any(|(_, of)| *of == id)
            || self.requests.values().any(|row| row.migration == id)
            || self.events_about(id).next().is_some()
            || self
                .events
                .values()
                .any(|event| event.migration == Some(id))
    }

    /// Whether an operator gave up the record of the migration.
    pub(in crate::tracker) fn was_given_up(&self, id: MigrationId) -> bool {
        let mut events = self.events.values();
        events.any(|event| event.migration == Some(id) && gives_up_a_migration(&event))
    }

    /// Migrations under way, by id.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Migration> {
        let rows = self.migrations.values();
        rows.filter(|migration| !migration.status().is_terminal())
    }

    /// Whether the events of `migration` are all kept: retention takes them oldest first, and at
    /// most so many at once, so that an ended one may be kept with the later ones only.
    ///
    /// Nor is a history whole of which an event cannot be read, or was given up.
    pub(super) fn history_is_whole(&self, migration: &Migration, events: &[&Event]) -> bool {
        let is_lost = |seq: EventSeq| self.is_lost(TableId::Events, &seq);
        if self.has_lost(TableId::Events) && self.events_about(migration.id).any(is_lost) {
            return false;
        }
        let given_up = |event: &&Event| matches!(event.kind, EventKind::RowForgiven { .. });
        let begins = || {
            events
                .first()
                .is_some_and(|event| matches!(event.kind, EventKind::Begun { .. }))
        };
        !events.iter().any(given_up) && (!migration.status().is_terminal() || begins())
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
