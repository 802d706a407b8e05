use super::MigrationTracker;
use crate::machine::Turn;
use crate::schema::codec::Record;
use crate::schema::key::{Key as _, SettingsKey};
use crate::schema::table::Table;
use crate::schema::text::{NodeName, RangeKey, ShardName};
use crate::schema::v1::{Cleanup, Event, LastMove, Migration, Node, Settings, Shard};
use crate::schema::{EventSeq, MigrationId, NodeId, ShardId, table};
use crate::store::{
    ReadRows, Scan, Snapshot, StoreError, active, get, has, last, scan, scan_lenient,
};

impl MigrationTracker {
    /// The migration with this id, under way or ended. A point read.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or the row is damaged.
    pub fn get_migration(&self, id: MigrationId) -> Result<Option<Migration>, StoreError> {
        self.store.read(|rows| get(rows, table::MIGRATIONS, &id))
    }

    /// Whether a migration of the shard is under way. A point read.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn is_shard_migrating(&self, shard: ShardId) -> Result<bool, StoreError> {
        self.store
            .read(|rows| has(rows, table::ACTIVE_SHARDS, &shard))
    }

    /// The migration of the shard that is under way. Two point reads.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn active_migration(&self, shard: ShardId) -> Result<Option<Migration>, StoreError> {
        self.store
            .read(|rows| match get(rows, table::ACTIVE_SHARDS, &shard)? {
                Some(entry) => follow(rows, table::MIGRATIONS, &entry.migration).map(Some),
                None => Ok(None),
            })
    }

    /// Every migration under way, by shard. Costs what is active, not what ever was. A damaged
    /// row is passed over and logged; [`Self::snapshot`] names it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn active_migrations(&self) -> Result<Vec<Migration>, StoreError> {
        let mut bad = Vec::new();
        let active = self.store.read(|rows| active(rows, &mut bad))?;
        for row in bad {
            tracing::warn!(%row, "passed over a damaged row");
        }
        Ok(active)
    }

    /// What a restarted node has to go on with, in the order in which to go on ([`Turn`]): what was
    /// interrupted, then what waits, by priority and age.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Migration>, StoreError> {
        let mut unfinished = self.active_migrations()?;
        let settings = match self.settings() {
            // Nothing is decided here: an order by age is better than none.
            Err(error) if error.is_about_one_row() => Settings::default(),
            settings => settings?,
        };
        unfinished.sort_by_cached_key(|migration| Turn::of(migration, &settings));
        Ok(unfinished)
    }

    /// The newest `limit` migrations, under way or ended, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn recent_migrations(&self, limit: usize) -> Result<Vec<Migration>, StoreError> {
        let mut bad = Vec::new();
        let rows = self
            .store
            .read(|rows| scan_lenient(rows, table::MIGRATIONS, &Scan::last(limit), &mut bad))?;
        for row in bad {
            tracing::warn!(%row, "passed over a damaged row");
        }
        Ok(rows.into_iter().map(|(_, migration)| migration).collect())
    }

    /// What happened to a migration, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or an event is damaged.
    pub fn history(&self, id: MigrationId) -> Result<Vec<Event>, StoreError> {
        self.store.read(|rows| {
            let index = scan(rows, table::MIGRATION_EVENTS, &Scan::all().under(&id))?;
            let mut events = Vec::with_capacity(index.len());
            for ((_, seq), _) in index {
                events.extend(get(rows, table::EVENTS, &seq)?);
            }
            Ok(events)
        })
    }

    /// The log after position `since`, oldest first, at most `limit` events. Go on with the
    /// position of the last one.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or an event is damaged.
    pub fn events(&self, since: EventSeq, limit: usize) -> Result<Vec<Event>, StoreError> {
        let range = Scan::first(limit).after(&since);
        let rows = self.store.read(|rows| scan(rows, table::EVENTS, &range))?;
        Ok(rows.into_iter().map(|(_, event)| event).collect())
    }

    /// The newest `limit` events of the log, oldest first. Go on with [`Self::events`] from the position
    /// of the last one.
    ///
    /// ```
    /// use shardferry::{MigrationTracker, NodeId, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// tracker.begin_migration(ShardId(1), NodeId(1), NodeId(2))?;
    /// let newest = tracker.begin_migration(ShardId(2), NodeId(1), NodeId(2))?;
    ///
    /// let events = tracker.recent_events(1)?;
    /// assert_eq!((events.len(), events[0].migration), (1, Some(newest)));
    /// assert!(tracker.events(events[0].seq, 10)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or an event is damaged.
    pub fn recent_events(&self, limit: usize) -> Result<Vec<Event>, StoreError> {
        let range = Scan::last(limit);
        let rows = self.store.read(|rows| scan(rows, table::EVENTS, &range))?;
        let mut events: Vec<Event> = rows.into_iter().map(|(_, event)| event).collect();
        events.sort_by_key(|event| event.seq);
        Ok(events)
    }

    /// What a planner needs, of one instant, copied.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read. Damaged rows are in
    /// [`Snapshot::bad_rows`].
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let now = self.now();
        self.store.read(|rows| Snapshot::read(rows, now))
    }

    /// Every copy that has to go, in the order of nodes and shards. A damaged row is passed over
    /// and logged; [`Self::snapshot`] names it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn cleanups(&self) -> Result<Vec<Cleanup>, StoreError> {
        let mut bad = Vec::new();
        let rows = self
            .store
            .read(|rows| scan_lenient(rows, table::CLEANUPS, &Scan::all(), &mut bad))?;
        for row in bad {
            tracing::warn!(%row, "passed over a damaged row");
        }
        Ok(rows.into_iter().map(|(_, cleanup)| cleanup).collect())
    }

    /// The last cutover of a shard, registered or not. A point read.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or the row is damaged.
    pub fn last_move(&self, shard: ShardId) -> Result<Option<LastMove>, StoreError> {
        self.store.read(|rows| get(rows, table::LAST_MOVES, &shard))
    }

    /// The copy of the shard on the node that has to go, if there is one. A point read.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or the row is damaged.
    pub fn cleanup(&self, node: NodeId, shard: ShardId) -> Result<Option<Cleanup>, StoreError> {
        self.store
            .read(|rows| get(rows, table::CLEANUPS, &(node, shard)))
    }

    /// The settings in force.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read, or the row is damaged or missing.
    pub fn settings(&self) -> Result<Settings, StoreError> {
        self.store
            .read(|rows| follow(rows, table::SETTINGS, &SettingsKey::Current))
    }

    /// A registered node.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or the row is damaged.
    pub fn node(&self, id: NodeId) -> Result<Option<Node>, StoreError> {
        self.store.read(|rows| get(rows, table::NODES, &id))
    }

    /// The registered node of this name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn node_by_name(&self, name: &NodeName) -> Result<Option<Node>, StoreError> {
        self.store
            .read(|rows| match get(rows, table::NODE_NAMES, name)? {
                Some(entry) => follow(rows, table::NODES, &entry.node).map(Some),
                None => Ok(None),
            })
    }

    /// A registered shard.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or the row is damaged.
    pub fn shard(&self, id: ShardId) -> Result<Option<Shard>, StoreError> {
        self.store.read(|rows| get(rows, table::SHARDS, &id))
    }

    /// The registered shard of this name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn shard_by_name(&self, name: &ShardName) -> Result<Option<Shard>, StoreError> {
        self.store
            .read(|rows| match get(rows, table::SHARD_NAMES, name)? {
                Some(entry) => follow(rows, table::SHARDS, &entry.shard).map(Some),
                None => Ok(None),
            })
    }

    /// The registered shard whose range holds `key`.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or a row is damaged.
    pub fn find_shard_for_key(&self, key: &[u8]) -> Result<Option<Shard>, StoreError> {
        // A start has at most so many bytes: what comes after them in the key decides nothing.
        let head = key.get(..RangeKey::MAX_BYTES).unwrap_or(key);
        let Ok(head) = RangeKey::new(head) else {
            return Ok(None);
        };
        self.store.read(|rows| {
            let Some((_, entry)) = last(rows, table::SHARD_RANGES, Scan::all().up_to(&head))?
            else {
                return Ok(None);
            };
            let shard = follow(rows, table::SHARDS, &entry.shard)?;
            let range = shard.range.as_ref();
            let holds_key = range.is_some_and(|range| range.contains(key));
            Ok(holds_key.then_some(shard))
        })
    }
}

/// The row that must be there: an index names it, or every file has it.
fn follow<R: Record>(
    rows: &mut dyn ReadRows,
    table: Table<R>,
    key: &R::Key,
) -> Result<R, StoreError> {
    get(rows, table, key)?.ok_or_else(|| {
        let key = key.to_bytes();
        StoreError::inconsistent(table.id(), &key, "the row is missing")
    })
}
