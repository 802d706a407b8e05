//! The log, as a procedure appends to it.

use crate::schema::key::Key as _;
use crate::schema::table::{self, TableId};
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, Event, EventKind, Migration, MigrationEvent};
use crate::schema::{Epoch, MigrationId, ShardId, TimestampMs};
use crate::store::{LogEnd, StoreError, Tx, get, know_log_end, log_end, put};

/// What an event is about.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) migration: Option<MigrationId>,
    pub(super) shard: Option<ShardId>,
    pub(super) epoch: Epoch,
}

impl About {
    pub(super) fn migration(migration: &Migration) -> Self {
        Self {
            migration: Some(migration.id),
            shard: Some(migration.shard),
            epoch: migration.epoch,
        }
    }

    /// A shard, and the migration that it was about as long as that is kept: so that retention takes
    /// both. One that cannot be read is kept.
    pub(super) fn kept(
        tx: &mut dyn Tx,
        migration: MigrationId,
        shard: ShardId,
    ) -> Result<Self, StoreError> {
        let epoch = Epoch(0);
        let of = |migration| Self {
            migration,
            shard: Some(shard),
            epoch,
        };
        match get(tx, table::MIGRATIONS, &migration) {
            Ok(Some(migration)) => Ok(Self::migration(&migration)),
            Ok(None) => Ok(of(None)),
            Err(error) if error.is_unreadable_row() => Ok(of(Some(migration))),
            Err(error) => Err(error),
        }
    }

    /// Nothing that moves: a node, the settings.
    pub(super) fn the_cluster() -> Self {
        Self {
            migration: None,
            shard: None,
            epoch: Epoch(0),
        }
    }
}

/// Appends an event.
pub(super) fn append(
    tx: &mut dyn Tx,
    about: About,
    kind: EventKind,
    actor: Actor,
    cause: &Reason,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let end = log_end(tx)?;
    let LogEnd {
        next, newest_ms, ..
    } = end;
    if !next.is_reachable() || !newest_ms.is_reachable() {
        let rule = "the log is at a position or a time after which nothing can come";
        return Err(StoreError::inconsistent(
            TableId::Events,
            &next.to_bytes(),
            rule,
        ));
    }
    let event = Event {
        seq: next,
        // Two threads read the clock in one order and write in the other: the log has one order.
        at_ms: now.max(newest_ms),
        migration: about.migration,
        shard: about.shard,
        epoch: about.epoch,
        actor,
        cause: cause.clone(),
        kind,
    };
    put(tx, table::EVENTS, &event.seq, &event)?;
    if let Some(id) = about.migration {
        put(
            tx,
            table::MIGRATION_EVENTS,
            &(id, event.seq),
            &MigrationEvent,
        )?;
    }
    know_log_end(tx, end.after(event.at_ms));
    Ok(())
}
