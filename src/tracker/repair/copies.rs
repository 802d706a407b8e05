//! The copies that a row which is given up knew of: who is to make one serve, or to remove it.

use super::forgiven::Forgiven;
use crate::machine;
use crate::schema::table::TableId;
use crate::schema::v1::{
    Cleanup, CleanupKind, Event, EventKind, LastMove, Migration, Placement, State, Status,
};
use crate::schema::{MigrationId, NodeId, ShardId};
use crate::tracker::check::settles;

impl Forgiven<'_> {
    /// What a migration that was under way left on its destination, by its events.
    pub(super) fn left_behind(&self, id: MigrationId, events: &[&Event]) -> Option<Cleanup> {
        let status = machine::replay(events.iter().copied()).ok()??;
        let begun = events.first()?;
        let shard = begun.shard?;
        let EventKind::Begun { from, to, .. } = begun.kind else {
            return None;
        };
        let started = !status.is_terminal() && status != Status::Pending;
        let place = (to, shard);
        let image = self.image;
        let serves = image.placements.contains_key(&place);
        let known = image.cleanups.contains_key(&place) || image.is_lost(TableId::Cleanups, &place);
        (started && !serves && !known).then_some(Cleanup {
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
