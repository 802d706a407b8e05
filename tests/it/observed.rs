//! What an observer of the library sees: a span and an event for each transition.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use shardferry::MigrationTracker;
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{A, B, S};

type Names = BTreeSet<&'static str>;

#[derive(Clone, Default)]
struct Seen {
    /// For each span: its command, and the fields that it got.
    spans: Arc<Mutex<Vec<(String, Names)>>>,
    /// The fields of each event.
    events: Arc<Mutex<Vec<Names>>>,
}

#[derive(Default)]
struct Fields {
    command: String,
    names: Names,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "command" {
            self.command = format!("{value:?}").replace('"', "");
        }
        self.names.insert(field.name());
    }
}

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("shardferry::tracker")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let mut spans = self.spans.lock().unwrap();
        spans.push((fields.command, fields.names));
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let at = span.into_u64() as usize - 1;
        self.spans.lock().unwrap()[at].1.extend(fields.names);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.events.lock().unwrap().push(fields.names);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Set in the process that looks.
const ALONE: &str = "SHARDFERRY_TEST_OBSERVES_ALONE";

/// Looks in a process of its own: whether anybody wants a span is remembered for the whole process,
/// and other tests want none.
#[test]
fn every_transition_has_a_span_with_its_ids_and_an_event_with_its_duration() {
    if std::env::var_os(ALONE).is_some() {
        return look();
    }
    let name = "observed::every_transition_has_a_span_with_its_ids_and_an_event_with_its_duration";
    let done = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

fn look() {
    let folder = TempDir::new().unwrap();
    let tracker = MigrationTracker::create(folder.path().join("shards.redb")).unwrap();
    let seen = Seen::default();
    tracing::subscriber::with_default(seen.clone(), || {
        let id = tracker.begin_migration(S, A, B).unwrap();
        tracker.update_progress(id, 1, 2).unwrap();
        tracker.begin_verification(id).unwrap();
        tracker.complete_migration(id).unwrap();
        tracker.complete_migration(id).unwrap_err();
    });
    let spans = seen.spans.lock().unwrap();
    let commands: Vec<&str> = spans.iter().map(|(command, _)| command.as_str()).collect();
    assert_eq!(
        commands,
        [
            "begin",
            "progress",
            "begin-verification",
            "complete",
            "complete"
        ]
    );
    for (command, fields) in &spans[..4] {
        for field in ["id", "shard", "from", "to", "epoch"] {
            assert!(fields.contains(field), "{command} has no {field}");
        }
    }
    let events = seen.events.lock().unwrap();
    assert_eq!(
        events.len(),
        4,
        "a refusal is told to the caller, not logged"
    );
    assert!(
        events
            .iter()
            .all(|fields| fields.contains("took_us") && fields.contains("status"))
    );
}
