//! The copies that a row which is given up knew of: who is to make one serve, or to remove it.

use super::forgiven::Forgiven;
use crate::machine;
use crate::schema::table::TableId;
use crate::schema::v1::{
    Cleanup, CleanupKind, Event, EventKind, LastMove, Migration, Placement, State, Status,
};
use crate::schema::{MigrationId, NodeId, ShardId};
use crate::tracker::check::settles;

/// What a migration left on its destination.
pub(super) enum Left {
    /// Nothing, or something that is seen to.
    Nothing,
    /// A copy that has to go.
    Copy(Cleanup),
    /// Nobody can tell what, or where, or whether it is the shard.
    NotKnown,
}

impl Forgiven<'_> {
    /// What a migration whose record is given up left on its destination, by the rest of the file. An
    /// event that is lost may have been its start: an entry about a copy that is not there does no
    /// harm, and a copy that is in no entry does.
    pub(super) fn left_behind(&self, id: MigrationId, events: &[&Event]) -> Left {
        let image = self.image;
        let is_lost = |event: Option<&Event>| event.is_none_or(gives_up_an_event);
        let of_it = image.events_about(id);
        let is_whole = !of_it.map(|seq| image.events.get(&seq)).any(is_lost);
        let status = machine::replay(events.iter().copied());
        let pending = is_whole && status == Ok(Some(Status::Pending));
        let ended = image.finished.keys().any(|(_, of)| *of == id);
        if pending || ended || events.iter().any(|event| follows_an_end(event)) {
            return Left::Nothing;
        }
        let Some((shard, from, to)) = self.moved(id, events) else {
            return match image.is_named(id) {
                true => Left::NotKnown,
                false => Left::Nothing,
            };
        };
        let place = (to, shard);
        let last = image.last_moves.get(&shard);
        let serves = image.placements.contains_key(&place) || last.is_some_and(|it| it.to == to);
        let known = image.cleanups.contains_key(&place) || image.is_lost(TableId::Cleanups, &place);
        if serves || known {
            return Left::Nothing;
        }
        let registered = image.placements.keys().any(|(_, of)| *of == shard);
        if !is_whole && !registered && image.is_lost(TableId::LastMoves, &shard) {
            // It may have been cut over: then the copy is the shard.
            return Left::NotKnown;
        }
        Left::Copy(Cleanup {
            node: to,
            shard,
            kind: CleanupKind::DiscardDestination,
            migration: id,
            from,
            to,
            created_at_ms: self.now,
            not_before_ms: self.now,
            retry_at_ms: self.now,
            failed_attempts: 0,
            last_error: None,
            activated: false,
        })
    }

    /// What a migration moves, from where and to where: by its first event, or by its request.
    fn moved(&self, id: MigrationId, events: &[&Event]) -> Option<(ShardId, NodeId, NodeId)> {
        let begun = events.iter().find_map(|event| {
            let EventKind::Begun { from, to, .. } = event.kind else {
                return None;
            };
            Some((event.shard?, from, to))
        });
        let mut requests = self.image.requests.values();
        begun.or_else(|| {
            let request = requests.find(|row| row.migration == id)?;
            Some((request.shard, request.from, request.to))
        })
    }

    /// The entry of the ledger on `node`, again, where the destination of the last cutover is not
    /// known to serve: nobody but this entry asks for it. Making it serve can be repeated. `newest`
    /// is the last migration with a record that left a copy on `node`.
    pub(super) fn to_activate(
        &self,
        node: NodeId,
        shard: ShardId,
        newest: Option<&Migration>,
    ) -> Option<Cleanup> {
        let image = self.image;
        let last = self.last_cutover(shard)?;
        let agrees = |record: &Migration| {
            record.status() == Status::Complete
                && (record.shard, record.from, record.to) == (shard, last.from, last.to)
        };
        let record = image.migrations.get(&last.migration);
        let left_by_it = newest.is_none_or(|newest| {
            newest.id == last.migration || newest.state.finished_at_ms() < Some(last.at_ms)
        });
        let mut events = image.events.values();
        let is_over = events.any(|event| {
            event.migration == Some(last.migration)
                && (event.kind == EventKind::Activated || settles(event, node))
        });
        let serves = image.placements.contains_key(&(node, shard));
        let waits =
            last.from == node && left_by_it && record.is_none_or(agrees) && !is_over && !serves;
        let grace_ms = image.settings_in_force().cleanup_grace_ms;
        waits.then_some(Cleanup {
            node,
            shard,
            kind: CleanupKind::ReleaseSource,
            migration: last.migration,
            from: last.from,
            to: last.to,
            created_at_ms: last.at_ms,
            not_before_ms: last.at_ms.plus_ms(grace_ms),
            retry_at_ms: self.now,
            failed_attempts: 0,
            last_error: None,
            activated: false,
        })
    }

    /// The last cutover of a shard: its last move, or, where that is lost, what the records say, as
    /// far as they agree with the registry. A last move that was forgotten (the shard was registered
    /// elsewhere) is none.
    fn last_cutover(&self, shard: ShardId) -> Option<LastMove> {
        let image = self.image;
        if let Some(last) = image.last_moves.get(&shard) {
            return Some(*last);
        }
        let cutovers = image.migrations.values().filter_map(|record| {
            let State::Complete { finished_at_ms, .. } = record.state else {
                return None;
            };
            (record.shard == shard).then_some(LastMove {
                from: record.from,
                to: record.to,
                at_ms: finished_at_ms,
                migration: record.id,
            })
        });
        let newest = cutovers.max_by_key(|last| (last.at_ms, last.migration))?;
        let mut owners = image.placements.iter();
        let owner =
            owners.find(|((_, of), placement)| *of == shard && **placement == Placement::Owner);
        let is_last = match owner {
            Some(((owner, _), _)) => *owner == newest.to,
            None => image.is_lost(TableId::LastMoves, &shard),
        };
        is_last.then_some(newest)
    }
}

/// Whether an event was given up, and this one stands in its place.
fn gives_up_an_event(event: &Event) -> bool {
    let table = TableId::Events.tag();
    event.kind == EventKind::RowForgiven { table }
}

/// Whether the event ends its migration, or happens only after that.
fn follows_an_end(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::Completed { .. }
            | EventKind::Failed { .. }
            | EventKind::Cancelled
            | EventKind::Activated
            | EventKind::CleanupFailed { .. }
            | EventKind::CleanupSettled { .. }
            | EventKind::CleanupForgiven { .. }
    )
}
