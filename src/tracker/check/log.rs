//! I10: the log is whole, and tells what happened.

use super::lost::{gives_up_a_migration, registered_nodes};
use super::violation::NOT_REACHED;
use super::{Image, Violation};
use crate::machine;
use crate::schema::key::RetentionKey;
use crate::schema::table::TableId;
use crate::schema::v1::{Event, Migration};
use crate::schema::{Epoch, EventSeq, NodeId, TimestampMs};

/// I10: events have no gap after what retention took, their times do not go back, and the events
/// of each migration form a legal path of the machine that ends in its status. (That the index of
/// events by migration says the same is I2.)
#[must_use]
pub fn invariant_i10_events_have_no_gap_and_form_legal_paths(image: &Image) -> Vec<Violation> {
    let mut violations = gaps(image);
    let events = image.events_by_migration();
    for (id, events) in &events {
        match image.migrations.get(id) {
            Some(migration) => violations.extend(path(image, migration, events)),
            // A record that cannot be read is I11's, and one that was given up is nobody's.
            None if image.is_lost(TableId::Migrations, id) => {}
            None if events.iter().any(gives_up_a_migration) => {}
            None => violations.extend(events.iter().map(|event| {
                let rule = format!("it is about migration {id}, which does not exist");
                Violation::new("I10", TableId::Events, &event.seq, rule)
            })),
        }
    }
    violations.extend(nodes(image));
    for migration in image.migrations.values() {
        let unheard = !events.contains_key(&migration.id) && !migration.status().is_terminal();
        if unheard && image.history_is_whole(migration, &[]) {
            let rule = "it is under way and has no event";
            let id = &migration.id;
            violations.push(Violation::new("I10", TableId::Migrations, id, rule));
        }
    }
    violations
}

/// The log has every node that was ever registered, and what became of it.
fn nodes(image: &Image) -> Vec<Violation> {
    let Some(registered) = registered_nodes(image) else {
        return Vec::new();
    };
    let violation = |node: &NodeId, rule| Violation::new("I10", TableId::Nodes, node, rule);
    let known =
        |node: &&NodeId| image.nodes.contains_key(node) || image.is_lost(TableId::Nodes, *node);
    let gone = registered.iter().filter(|node| !known(node));
    let gone = gone.map(|node| violation(node, "the log says that it is registered"));
    let unheard = image.nodes.keys().filter(|node| !registered.contains(node));
    let unheard =
        unheard.map(|node| violation(node, "the log does not say that it was registered"));
    gone.chain(unheard).collect()
}

fn gaps(image: &Image) -> Vec<Violation> {
    let through = image.pruned().through;
    let mut violations = Vec::new();
    let mut last = through;
    let mut newest_ms = TimestampMs(0);
    if image.events.contains_key(&through) {
        let rule = "retention took it, and it is there";
        violations.push(Violation::new("I10", TableId::Events, &through, rule));
    }
    if through == EventSeq(0) && image.pruned().migrations > 0 {
        let (key, rule) = (
            RetentionKey::Pruned,
            "migrations were taken, and none of their events",
        );
        violations.push(Violation::new("I10", TableId::Retention, &key, rule));
    }
    if !through.is_reachable() {
        let (key, rule) = (
            RetentionKey::Pruned,
            format!("event {through} {NOT_REACHED}"),
        );
        violations.push(Violation::new("I10", TableId::Retention, &key, rule));
    }
    for event in image.events.values() {
        let mut broken = |rule: String| {
            violations.push(Violation::new("I10", TableId::Events, &event.seq, rule));
        };
        if !event.seq.is_reachable() {
            broken(format!("its position {NOT_REACHED}"));
        }
        if !event.at_ms.is_reachable() {
            broken(format!("its time ({} ms) {NOT_REACHED}", event.at_ms));
        }
        if event.seq == EventSeq(0) {
            broken("the first event is 1".to_owned());
        }
        if event.seq > through {
            // What cannot be read is not missing.
            while last < event.seq && image.is_lost(TableId::Events, &last.next()) {
                last = last.next();
            }
            // Nor can anybody tell what retention took, where its row cannot be read.
            if event.seq != last.next() && !image.is_lost(TableId::Retention, &RetentionKey::Pruned)
            {
                broken(format!(
                    "the events from {} on are missing before it",
                    last.next()
                ));
            }
            last = event.seq;
        }
        if event.at_ms < newest_ms {
            broken(format!(
                "it happened at {} ms and an event before it at {newest_ms} ms",
                event.at_ms
            ));
        }
        newest_ms = newest_ms.max(event.at_ms);
    }
    violations
}

fn path(image: &Image, migration: &Migration, events: &[&Event]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for event in events {
        if event.shard != Some(migration.shard) {
            let rule = format!(
                "it names another shard than its migration, which moves {}",
                migration.shard
            );
            violations.push(Violation::new("I10", TableId::Events, &event.seq, rule));
        }
        if event.epoch > migration.epoch {
            let rule = format!(
                "it is of epoch {} and its migration at {}",
                event.epoch, migration.epoch
            );
            violations.push(Violation::new("I10", TableId::Events, &event.seq, rule));
        }
    }
    let steps = events.iter().filter(|event| event.epoch > Epoch(0));
    for (before, after) in steps.clone().zip(steps.skip(1)) {
        if after.epoch < before.epoch {
            let rule = format!("its epoch is older than that of event {}", before.seq);
            violations.push(Violation::new("I10", TableId::Events, &after.seq, rule));
        }
    }
    if !image.history_is_whole(migration, events) {
        return violations;
    }
    match machine::replay(events.iter().copied()) {
        Ok(Some(status)) if status == migration.status() => {}
        Ok(status) => {
            let rule = format!(
                "it is {} and its events lead to {status:?}",
                migration.status()
            );
            let id = &migration.id;
            violations.push(Violation::new("I10", TableId::Migrations, id, rule));
        }
        Err(error) => {
            let rule = error.to_string();
            violations.push(Violation::new("I10", TableId::Events, &error.seq, rule));
        }
    }
    violations
}
