//! I5: a shard has one owner, and it changes only at a cutover.

use std::collections::BTreeMap;

use super::{Image, Violation};
use crate::schema::table::TableId;
use crate::schema::v1::{EventKind, LastMove, State, Status};
use crate::schema::{MigrationId, ShardId, TimestampMs};

/// I5, of one image: the owner of a registered shard is where its last move went, and the last
/// move is the last migration of the shard that was cut over.
///
/// Registering a shard on another node than the one that its last move went to forgets that move
/// (the caller knows better), so that this holds without exception.
#[must_use]
pub fn invariant_i5_owner_is_where_the_last_move_went(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for shard in image.shards.values() {
        for node in std::iter::once(&shard.owner).chain(&shard.replicas) {
            if !image.nodes.contains_key(node) && !image.is_lost(TableId::Nodes, node) {
                let rule = format!("it has a copy on node {node}, which is not registered");
                violations.push(Violation::new("I5", TableId::Shards, &shard.id, rule));
            }
        }
    }
    let latest = latest_cutovers(image);
    for (shard, last) in &image.last_moves {
        if let Some(registered) = image.shards.get(shard)
            && registered.owner != last.to
        {
            let rule = format!(
                "its owner is node {}; its last move (migration {}) went to node {}",
                registered.owner, last.migration, last.to
            );
            violations.push(Violation::new("I5", TableId::Shards, shard, rule));
        }
        if image.never_was(last.migration) {
            let rule = format!("there never was a migration {}", last.migration);
            violations.push(Violation::new("I5", TableId::LastMoves, shard, rule));
        }
        if let Some(migration) = image.migrations.get(&last.migration) {
            let same = migration.status() == Status::Complete
                && (migration.shard, migration.from, migration.to) == (*shard, last.from, last.to)
                && migration.state.finished_at_ms() == Some(last.at_ms);
            if !same {
                let rule = format!("it is not what migration {} did", last.migration);
                violations.push(Violation::new("I5", TableId::LastMoves, shard, rule));
            }
        }
        let later = latest.get(shard).filter(|(at_ms, _)| *at_ms > last.at_ms);
        if let Some((_, later)) = later {
            let rule = format!("migration {later} was cut over later");
            violations.push(Violation::new("I5", TableId::LastMoves, shard, rule));
        }
    }
    violations
}

fn latest_cutovers(image: &Image) -> BTreeMap<ShardId, (TimestampMs, MigrationId)> {
    let mut latest = BTreeMap::new();
    for migration in image.migrations.values() {
        if let State::Complete { finished_at_ms, .. } = migration.state {
            let cutover = (finished_at_ms, migration.id);
            let newest = latest.entry(migration.shard).or_insert(cutover);
            *newest = cutover.max(*newest);
        }
    }
    latest
}

/// I5, of one step: where the owner of a shard changed, a migration from the old to the new owner
/// was cut over in that step; and nothing else took a shard's place on a node.
#[must_use]
pub fn invariant_i5_owner_changes_only_at_cutover(before: &Image, after: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (id, was) in &before.shards {
        let Some(is) = after.shards.get(id) else {
            continue;
        };
        let moved = after.last_moves.get(id).filter(|last| {
            (last.from, last.to) == (was.owner, is.owner) && was_cut_over(before, after, *id, last)
        });
        if was.owner != is.owner && moved.is_none() {
            let rule = format!(
                "its owner changed from node {} to {} without a cutover",
                was.owner, is.owner
            );
            violations.push(Violation::new("I5", TableId::Shards, id, rule));
        }
        if was.owner == is.owner && was.version != is.version {
            let rule = "its version changed and its owner did not";
            violations.push(Violation::new("I5", TableId::Shards, id, rule));
        }
    }
    violations
}

/// Whether the last move of a shard happened in this step: the log says so. Retention may take what
/// it says in the same transaction; then the history is pruned beyond all that was in it before, and the
/// record is gone with it, or is that of a migration that was cut over and goes with the next one.
fn was_cut_over(before: &Image, after: &Image, shard: ShardId, last: &LastMove) -> bool {
    let newest = before.events.last_key_value().map(|(seq, _)| *seq);
    let newest = newest.unwrap_or_default().max(before.pruned().through);
    let logged = || {
        after.events.values().any(|event| {
            event.seq > newest
                && event.shard == Some(shard)
                && matches!(event.kind, EventKind::Completed { .. })
        })
    };
    let pruned = || {
        let record = after.migrations.get(&last.migration);
        after.pruned().through > newest
            && before.last_moves.get(&shard) != Some(last)
            && record.is_none_or(|migration| migration.status() == Status::Complete)
    };
    logged() || pruned()
}
