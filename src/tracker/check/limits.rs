use std::collections::BTreeMap;

use super::derived::slots_held;
use super::{Image, Violation};
use crate::schema::key::SlotScope;
use crate::schema::table::TableId;
use crate::schema::v1::{Event, EventKind, Migration};
use crate::schema::{EventSeq, MigrationId};

/// I9: no claim took a slot beyond a limit.
///
/// A limit that is lowered takes nothing away from those who hold a slot already, also when
/// somebody takes over from one of them after a crash. So a scope over its limit is wrong only
/// where a slot in it was taken after the settings were last changed: the log says when.
#[must_use]
pub fn invariant_i9_limits_hold_at_each_claim(image: &Image) -> Vec<Violation> {
    let settings = image.settings_in_force();
    let events = image.events_by_migration();
    let changed = last_change_of_settings(image);
    let mut violations = Vec::new();
    for (scope, slot) in slots_held(image) {
        let limit = match scope {
            SlotScope::Total => settings.in_flight_max,
            SlotScope::Source(_) => settings.in_flight_per_source_max,
            SlotScope::Destination(_) => settings.in_flight_per_destination_max,
            SlotScope::Pair(..) => settings.in_flight_per_pair_max,
        };
        let Some(limit) = limit.filter(|limit| slot.count > u64::from(*limit)) else {
            continue;
        };
        let newest = newest_slot(image, scope, &events);
        if newest > changed {
            let rule = format!(
                "{} migrations are under way and the limit is {limit}; event {newest} took the \
                 last slot",
                slot.count
            );
            violations.push(Violation::new("I9", TableId::InFlight, &scope, rule));
        }
    }
    violations
}

fn last_change_of_settings(image: &Image) -> EventSeq {
    let changes = image.events.values().rev();
    let mut changes = changes.filter(|event| matches!(event.kind, EventKind::SettingsChanged));
    changes.next().map(|event| event.seq).unwrap_or_default()
}

/// When the newest of the slots in `scope` was taken.
fn newest_slot(
    image: &Image,
    scope: SlotScope,
    events: &BTreeMap<MigrationId, Vec<&Event>>,
) -> EventSeq {
    let within = |migration: &&Migration| {
        migration.holds_slot()
            && match scope {
                SlotScope::Total => true,
                SlotScope::Source(node) => migration.from == node,
                SlotScope::Destination(node) => migration.to == node,
                SlotScope::Pair(from, to) => (migration.from, migration.to) == (from, to),
            }
    };
    let holders = image.migrations.values().filter(within);
    let taken = holders.filter_map(|migration| {
        let events = events.get(&migration.id)?;
        slot_taken(events)
    });
    taken.max().unwrap_or_default()
}

/// The first claim since the last attempt that ended: later ones took the slot over.
fn slot_taken(events: &[&Event]) -> Option<EventSeq> {
    let mut taken = None;
    for event in events {
        if matches!(
            event.kind,
            EventKind::AttemptFailed { .. } | EventKind::AttemptReleased
        ) {
            taken = None;
        } else if event.kind == EventKind::Claimed {
            taken = taken.or(Some(event.seq));
        }
    }
    taken
}
