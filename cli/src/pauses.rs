//! What is paused, in words and in JSON.

use serde_json::{Value, json};
use shardferry::Migration;
use shardferry::schema::v1::{Pause, PauseScope};

use crate::names::Names;
use crate::text;

/// What `scope` names, for people.
pub(crate) fn scope(scope: PauseScope, names: &Names) -> String {
    match scope {
        PauseScope::Everything => "everything".to_owned(),
        PauseScope::Node(node) => names.node_and_id(node),
        PauseScope::Migration(id) => format!("migration {id}"),
    }
}

/// The options of `pause` and `resume` that name `scope`.
pub(crate) fn options(scope: PauseScope) -> String {
    match scope {
        PauseScope::Everything => String::new(),
        PauseScope::Node(node) => format!(" --node id:{node}"),
        PauseScope::Migration(id) => format!(" --migration {id}"),
    }
}

/// Whether `scope` holds `migration` back.
pub(crate) fn holds(scope: PauseScope, migration: &Migration) -> bool {
    match scope {
        PauseScope::Everything => true,
        PauseScope::Node(node) => node == migration.from || node == migration.to,
        PauseScope::Migration(id) => id == migration.id,
    }
}

/// Whether one of `pauses` holds `migration` back.
pub(crate) fn is_paused(pauses: &[(PauseScope, Pause)], migration: &Migration) -> bool {
    let is_over = migration.status().is_terminal();
    !is_over && pauses.iter().any(|(scope, _)| holds(*scope, migration))
}

/// One line each: `paused: disk-b (id 2), since 2026-11-22T15:24:04Z: its disk is being replaced`.
pub(crate) fn lines(pauses: &[(PauseScope, Pause)], names: &Names) -> Vec<String> {
    let line = |(of, pause): &(PauseScope, Pause)| {
        let what = scope(*of, names);
        format!(
            "paused: {what}, since {}: {}",
            text::time(pause.at_ms),
            pause.reason
        )
    };
    pauses.iter().map(line).collect()
}

pub(crate) fn view(of: PauseScope, pause: &Pause, names: &Names) -> Value {
    let (kind, node, migration) = match of {
        PauseScope::Everything => ("everything", None, None),
        PauseScope::Node(node) => ("node", Some(node), None),
        PauseScope::Migration(id) => ("migration", None, Some(id)),
    };
    json!({
        "scope": kind,
        "node": node,
        "node_name": node.and_then(|node| names.node_name(node)),
        "migration": migration,
        "since_ms": pause.at_ms,
        "reason": pause.reason,
    })
}

/// All of them.
pub(crate) fn views(pauses: &[(PauseScope, Pause)], names: &Names) -> Value {
    let pauses = pauses.iter();
    pauses
        .map(|(scope, pause)| view(*scope, pause, names))
        .collect()
}
