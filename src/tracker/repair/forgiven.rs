//! What becomes of the rest of the file when a row is given up, table by table.

use super::copies::Left;
use crate::schema::key::RetentionKey;
use crate::schema::table::{self, TableId};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, Event, EventKind, MigrationEvent, Pruned, Status};
use crate::schema::{Epoch, EventSeq, MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::{StoreError, Tx, delete, put};
use crate::tracker::check::Image;
use crate::tracker::log::{About, append};

/// A row that is given up, and the file as it was before.
pub(super) struct Forgiven<'a> {
    pub(super) image: &'a Image,
    pub(super) table: TableId,
    pub(super) key: &'a [u8],
    pub(super) cause: Reason,
    /// Where the log goes on.
    pub(super) log_end: EventSeq,
    pub(super) now: TimestampMs,
}

impl Forgiven<'_> {
    /// Takes out what the row alone stood for, and says so in the log.
    pub(super) fn undo(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        match self.table {
            TableId::Nodes => match table::NODES.key(self.key) {
                Ok(node) => self.node(tx, node),
                Err(_) => self.log_only(tx),
            },
            TableId::Shards => match table::SHARDS.key(self.key) {
                Ok(shard) => self.shard(tx, shard),
                Err(_) => self.log_only(tx),
            },
            TableId::Migrations => match table::MIGRATIONS.key(self.key) {
                Ok(id) => self.migration(tx, id),
                Err(_) => self.log_only(tx),
            },
            TableId::Events => match table::EVENTS.key(self.key) {
                Ok(seq) if self.was_an_event(seq) => self.event(tx, seq),
                Ok(_) | Err(_) => self.log_only(tx),
            },
            TableId::Cleanups => match table::CLEANUPS.key(self.key) {
                Ok((node, shard)) => self.cleanup(tx, node, shard),
                Err(_) => self.log_only(tx),
            },
            TableId::LastMoves | TableId::Quarantine => {
                self.log(tx, None, table::LAST_MOVES.key(self.key).ok(), self.kind())
            }
            TableId::Retention => {
                put(tx, table::RETENTION, &RetentionKey::Pruned, &self.pruned())?;
                self.log_only(tx)
            }
            TableId::Meta
            | TableId::Settings
            | TableId::NodeNames
            | TableId::ShardNames
            | TableId::ShardRanges
            | TableId::Placements
            | TableId::ActiveShards
            | TableId::MigrationEvents
            | TableId::Finished
            | TableId::Requests
            | TableId::InFlight
            | TableId::Pauses
            | TableId::SetAside => self.log_only(tx),
        }
    }

    /// Only says so in the log: another row stands in the place, or nothing depends on it.
    pub(super) fn log_only(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        self.log(tx, None, None, self.kind())
    }

    fn kind(&self) -> EventKind {
        let table = self.table.tag();
        EventKind::RowForgiven { table }
    }

    fn log(
        &self,
        tx: &mut dyn Tx,
        migration: Option<MigrationId>,
        shard: Option<ShardId>,
        kind: EventKind,
    ) -> Result<(), StoreError> {
        self.log_because(tx, (migration, shard), kind, &self.cause)
    }

    fn log_because(
        &self,
        tx: &mut dyn Tx,
        (migration, shard): (Option<MigrationId>, Option<ShardId>),
        kind: EventKind,
        cause: &Reason,
    ) -> Result<(), StoreError> {
        let about = About {
            migration,
            shard,
            epoch: Epoch(0),
        };
        append(tx, about, kind, Actor::Caller, cause, self.now)
    }

    /// To the log, a node that is given up is one that was removed.
    fn node(&self, tx: &mut dyn Tx, node: NodeId) -> Result<(), StoreError> {
        for (name, _) in self
            .image
            .node_names
            .iter()
            .filter(|(_, row)| row.node == node)
        {
            delete(tx, table::NODE_NAMES, name)?;
        }
        self.log(tx, None, None, EventKind::NodeRemoved { node })
    }

    fn shard(&self, tx: &mut dyn Tx, shard: ShardId) -> Result<(), StoreError> {
        let image = self.image;
        for (name, _) in image
            .shard_names
            .iter()
            .filter(|(_, row)| row.shard == shard)
        {
            delete(tx, table::SHARD_NAMES, name)?;
        }
        for (start, _) in image
            .shard_ranges
            .iter()
            .filter(|(_, row)| row.shard == shard)
        {
            delete(tx, table::SHARD_RANGES, start)?;
        }
        for (place, _) in image.placements.iter().filter(|((_, of), _)| *of == shard) {
            delete(tx, table::PLACEMENTS, place)?;
        }
        self.log(tx, None, Some(shard), self.kind())
    }

    fn migration(&self, tx: &mut dyn Tx, id: MigrationId) -> Result<(), StoreError> {
        let image = self.image;
        for (shard, _) in image
            .active_shards
            .iter()
            .filter(|(_, row)| row.migration == id)
        {
            delete(tx, table::ACTIVE_SHARDS, shard)?;
        }
        for (end, _) in image.finished.iter().filter(|((_, of), _)| *of == id) {
            delete(tx, table::FINISHED, end)?;
        }
        for (key, _) in image.requests.iter().filter(|(_, row)| row.migration == id) {
            delete(tx, table::REQUESTS, key)?;
        }
        let events = image.events.values();
        let events: Vec<&Event> = events.filter(|event| event.migration == Some(id)).collect();
        let mut cause = self.cause.clone();
        match self.left_behind(id, &events) {
            Left::Nothing => {}
            Left::Copy(cleanup) => {
                let place = (cleanup.node, cleanup.shard);
                put(tx, table::CLEANUPS, &place, &cleanup)?;
            }
            Left::NotKnown => {
                cause = Reason::new(format!(
                    "what it copied, and where to, is not known; {cause}"
                ));
            }
        }
        let shard = events.iter().find_map(|event| event.shard);
        self.log_because(tx, (Some(id), shard), self.kind(), &cause)
    }

    /// Whether the log had an event at this position. A damaged row may stand anywhere.
    fn was_an_event(&self, seq: EventSeq) -> bool {
        let mut about = self.image.migration_events.keys();
        let kept = seq > self.image.pruned().through || about.any(|(_, of)| *of == seq);
        seq > EventSeq(0) && seq < self.log_end && kept
    }

    /// In its place the log says that an event was given up: it keeps its length and its order.
    fn event(&self, tx: &mut dyn Tx, seq: EventSeq) -> Result<(), StoreError> {
        let image = self.image;
        let before = image.events.range(..seq).next_back();
        let about = image.migration_events.keys();
        let about = about.filter(|(_, of)| *of == seq).map(|(id, _)| *id);
        let about: Vec<MigrationId> = about.collect();
        let recorded = |id: &&MigrationId| image.migrations.contains_key(id);
        let spoken_of = |id: &&MigrationId| {
            let mut events = image.events.values();
            image.is_lost(TableId::Migrations, *id)
                || events.any(|event| event.migration == Some(**id))
        };
        // A migration without its record keeps the event: that there was one is known of it.
        let of_one = about.iter().find(recorded);
        let migration = of_one.or_else(|| about.iter().find(spoken_of)).copied();
        for id in image.migration_events.keys().filter(|(_, of)| *of == seq) {
            delete(tx, table::MIGRATION_EVENTS, id)?;
        }
        if let Some(id) = migration {
            put(tx, table::MIGRATION_EVENTS, &(id, seq), &MigrationEvent)?;
        }
        let of = migration.and_then(|id| image.migrations.get(&id));
        let of_others = || {
            let mut events = image.events.values();
            events
                .find(|event| migration.is_some() && event.migration == migration)?
                .shard
        };
        let event = Event {
            seq,
            at_ms: before.map(|(_, event)| event.at_ms).unwrap_or_default(),
            migration,
            shard: of.map(|migration| migration.shard).or_else(of_others),
            epoch: Epoch(0),
            actor: Actor::Caller,
            cause: self.cause.clone(),
            kind: self.kind(),
        };
        put(tx, table::EVENTS, &seq, &event)
    }

    /// The copy is no longer waited for, whichever migration left it: unless its shard is not known
    /// to be served yet.
    fn cleanup(&self, tx: &mut dyn Tx, node: NodeId, shard: ShardId) -> Result<(), StoreError> {
        let left_it = self.image.migrations.values().filter(|migration| {
            let left_on = match migration.status() {
                Status::Pending | Status::InProgress | Status::Verifying => None,
                Status::Complete => Some(migration.from),
                Status::Failed | Status::Cancelled => Some(migration.to),
            };
            migration.shard == shard && left_on == Some(node)
        });
        let newest = left_it.max_by_key(|migration| migration.state.finished_at_ms());
        if let Some(cleanup) = self.to_activate(node, shard, newest) {
            put(tx, table::CLEANUPS, &(node, shard), &cleanup)?;
            return self.log(tx, None, Some(shard), self.kind());
        }
        let migration = newest.map(|migration| migration.id);
        self.log(
            tx,
            migration,
            Some(shard),
            EventKind::CleanupForgiven { node },
        )
    }

    /// How far the log was pruned, by the last gap in it. How many migrations were is not known any
    /// more: at least one, where there is a gap.
    fn pruned(&self) -> Pruned {
        let image = self.image;
        let newest = image.events.last_key_value();
        let mut through = newest.map(|(seq, _)| *seq).unwrap_or_default();
        let is_there =
            |seq: &EventSeq| image.events.contains_key(seq) || image.is_lost(TableId::Events, seq);
        while through > EventSeq(0) && is_there(&through) {
            through = EventSeq(through.0.saturating_sub(1));
        }
        Pruned {
            through,
            migrations: u64::from(through > EventSeq(0)),
        }
    }
}
