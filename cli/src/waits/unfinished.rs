//! Why what a run left unfinished waits.

use serde_json::{Value, json};
use shardferry::{Migration, MigrationId, MigrationTracker};

use super::{Wait, of};
use crate::failure::Failure;
use crate::names::Names;

/// How many of what is left a run explains.
const EXPLAINED_MAX: usize = 100;

/// What each of `unfinished` waits for: of the first of them, as one reason is mostly that of many.
pub(crate) fn of_unfinished(
    tracker: &MigrationTracker,
    unfinished: &[&Migration],
    names: &Names,
) -> Result<Vec<(MigrationId, Wait)>, Failure> {
    let mut all = Vec::new();
    for migration in unfinished.iter().take(EXPLAINED_MAX) {
        let id = migration.id;
        let waits = match tracker.explain(id) {
            Ok(why) => why.map_or_else(Vec::new, |why| of(&why, names)),
            // The run has done what it could, and its report is to be seen.
            Err(error) if error.is_about_one_row() => vec![Wait::unreadable(&error)],
            Err(error) => return Err(error.into()),
        };
        all.extend(waits.into_iter().map(|wait| (id, wait)));
    }
    Ok(all)
}

/// Each reason once, with how many wait for it: `3 wait: everything is paused since ...: ...`.
pub(crate) fn summary(waits: &[(MigrationId, Wait)]) -> Vec<String> {
    let mut seen: Vec<(&Wait, usize)> = Vec::new();
    for (_, wait) in waits {
        match seen.iter_mut().find(|(other, _)| other.text == wait.text) {
            Some((_, times)) => *times += 1,
            None => seen.push((wait, 1)),
        }
    }
    let line = |(wait, times): (&Wait, usize)| {
        let verb = if times == 1 { "waits" } else { "wait" };
        let next = wait.todo.as_ref().map_or_else(String::new, |todo| {
            match todo.starts_with("shardferry") {
                true => format!(" (`{todo}`)"),
                false => format!(" ({todo})"),
            }
        });
        format!("{times} {verb}: {}{next}", wait.text)
    };
    seen.into_iter().map(line).collect()
}

pub(crate) fn views(waits: &[(MigrationId, Wait)]) -> Value {
    let view = |(id, wait): &(MigrationId, Wait)| {
        let mut view = wait.view();
        if let Value::Object(fields) = &mut view {
            fields.insert("migration".to_owned(), json!(id));
        }
        view
    };
    waits.iter().map(view).collect()
}
