//! I6 and I7: copies that migrations left where they no longer belong.

use super::{Image, Violation};
use crate::schema::NodeId;
use crate::schema::table::TableId;
use crate::schema::v1::{CleanupKind, Event, EventKind, Migration, Status};

/// I6: every copy that a migration made on a node that does not own the shard has a cleanup entry
/// until it was settled or forgiven, and no entry names a copy that serves.
///
/// Migrations that retention took, and those whose earlier events it took, are not asked: what
/// they left is in the ledger all the same, but nothing is there to compare it with.
#[must_use]
pub fn invariant_i6_copies_left_behind_are_in_the_ledger(image: &Image) -> Vec<Violation> {
    let mut violations = entries_are_right(image);
    let events = image.events_by_migration();
    for migration in image.migrations.values() {
        let events = events.get(&migration.id).map_or(&[][..], Vec::as_slice);
        if !image.history_is_whole(migration, events) {
            continue;
        }
        let Some(node) = left_on(migration, events) else {
            continue;
        };
        let open = image
            .cleanups
            .get(&(node, migration.shard))
            .is_some_and(|cleanup| cleanup.migration == migration.id);
        let key = (node, migration.shard);
        let lost = image.is_lost(TableId::Cleanups, &key);
        if !open && !lost && !events.iter().any(|event| settles(event, node)) {
            let rule = format!(
                "migration {} left a copy there, and it is neither to be removed nor settled",
                migration.id
            );
            violations.push(Violation::new("I6", TableId::Cleanups, &key, rule));
        }
    }
    violations
}

/// Where `migration` left a copy: on the source once it was cut over; on the destination when it
/// ended otherwise after it had started.
fn left_on(migration: &Migration, events: &[&Event]) -> Option<NodeId> {
    match migration.status() {
        Status::Pending | Status::InProgress | Status::Verifying => None,
        Status::Complete => Some(migration.from),
        Status::Failed | Status::Cancelled => events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Started | EventKind::Claimed))
            .then_some(migration.to),
    }
}

/// Whether the event says that nobody waits any more for the copy to go.
pub(in crate::tracker) fn settles(event: &Event, copy: NodeId) -> bool {
    match event.kind {
        EventKind::CleanupSettled { node, .. } | EventKind::CleanupForgiven { node } => {
            node == copy
        }
        EventKind::Begun { .. }
        | EventKind::Started
        | EventKind::Claimed
        | EventKind::Fenced
        | EventKind::Unfenced
        | EventKind::VerificationBegun
        | EventKind::EvidenceSubmitted { .. }
        | EventKind::CancelRequested
        | EventKind::AttemptFailed { .. }
        | EventKind::AttemptReleased
        | EventKind::Completed { .. }
        | EventKind::Failed { .. }
        | EventKind::Cancelled
        | EventKind::ReportFenced { .. }
        | EventKind::LeaseExpired
        | EventKind::Stalled
        | EventKind::Activated
        | EventKind::CleanupFailed { .. }
        | EventKind::Paused { .. }
        | EventKind::Resumed { .. }
        | EventKind::Quarantined
        | EventKind::QuarantineReleased
        | EventKind::NodeRegistered { .. }
        | EventKind::NodeUpdated { .. }
        | EventKind::NodeRemoved { .. }
        | EventKind::ShardRegistered { .. }
        | EventKind::ShardRemoved { .. }
        | EventKind::SettingsChanged
        | EventKind::VerificationWaived
        | EventKind::RowForgiven { .. }
        | EventKind::RetryRequested
        | EventKind::CleanupHurried { .. } => false,
    }
}

fn entries_are_right(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    let events = image.events_by_migration();
    for (key, cleanup) in &image.cleanups {
        let mut broken = |rule: String| {
            violations.push(Violation::new("I6", TableId::Cleanups, key, rule));
        };
        if let Some(placement) = image.placements.get(key) {
            broken(format!("it names a copy that serves ({placement:?})"));
        }
        if let Some(shard) = image.shards.get(&cleanup.shard)
            && shard.owner == cleanup.node
        {
            broken("it names the owner of the shard".to_owned());
        }
        let Some(migration) = image.migrations.get(&cleanup.migration) else {
            if image.never_was(cleanup.migration) {
                broken(format!("there never was a migration {}", cleanup.migration));
            }
            continue;
        };
        let events = events
            .get(&cleanup.migration)
            .map_or(&[][..], Vec::as_slice);
        if let Some(event) = events.iter().find(|event| settles(event, cleanup.node)) {
            broken(format!("event {} settled it", event.seq));
        }
        let left = match cleanup.kind {
            CleanupKind::ReleaseSource => migration.status() == Status::Complete,
            CleanupKind::DiscardDestination => {
                matches!(migration.status(), Status::Failed | Status::Cancelled)
            }
        };
        let same = (migration.shard, migration.from, migration.to)
            == (cleanup.shard, cleanup.from, cleanup.to);
        if !left || !same {
            broken(format!(
                "migration {} ({}, shard {} from {} to {}) did not leave it",
                migration.id,
                migration.status(),
                migration.shard,
                migration.from,
                migration.to
            ));
        }
    }
    violations
}

/// I7: no migration under way has a source or a destination whose copy has to go.
#[must_use]
pub fn invariant_i7_no_migration_meets_an_open_cleanup(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for migration in image.under_way() {
        for node in [migration.from, migration.to] {
            let key = (node, migration.shard);
            if let Some(cleanup) = image.cleanups.get(&key) {
                let rule = format!(
                    "migration {} is under way there, and the copy that migration {} left is to go",
                    migration.id, cleanup.migration
                );
                violations.push(Violation::new("I7", TableId::Cleanups, &key, rule));
            }
        }
    }
    violations
}
