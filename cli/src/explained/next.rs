//! What happens next with a migration, and what to do about it.

use shardferry::Status;
use shardferry::tracker::Explanation;

use crate::text;
use crate::waits::Wait;

/// What happens next, and what somebody can do about it.
pub(super) struct Next {
    pub(super) text: String,
    /// The command, where there is one.
    pub(super) todo: Option<String>,
}

pub(super) fn next(why: &Explanation, waits: &[Wait]) -> Next {
    let migration = &why.migration;
    let id = migration.id;
    let nothing = |text: &str, todo: String| Next {
        text: text.to_owned(),
        todo: Some(todo),
    };
    match migration.status() {
        Status::Complete => match &why.cleanup {
            Some(copy) => nothing(
                "the old copy is removed",
                format!("shardferry cleanups run --node id:{}", copy.node),
            ),
            None => Next {
                text: format!(
                    "nothing: it is done (`shardferry reverse {id}` begins the way back)"
                ),
                todo: None,
            },
        },
        Status::Failed | Status::Cancelled => nothing(
            "nothing by itself: the source has the shard",
            format!("shardferry retry {id}"),
        ),
        Status::Pending | Status::InProgress | Status::Verifying => Next {
            text: next_of_active(why, waits),
            todo: waits
                .iter()
                .find_map(|wait| wait.todo.clone())
                .or_else(|| (!is_held(waits)).then(|| "shardferry run".to_owned())),
        },
    }
}

fn is_held(waits: &[Wait]) -> bool {
    waits.iter().any(|wait| wait.kind == "held")
}

fn next_of_active(why: &Explanation, waits: &[Wait]) -> String {
    let migration = &why.migration;
    if migration.cancel.is_some() {
        return "its executor, or the next one, lets writes go on and gives it up".to_owned();
    }
    if is_held(waits) {
        return "its executor goes on".to_owned();
    }
    if let [wait] = waits
        && wait.kind == "backing-off"
    {
        return format!(
            "it is tried again at {}",
            text::time(migration.not_before_ms)
        );
    }
    if waits.iter().any(|wait| wait.kind != "stalled") {
        return "it goes on when nothing of this is left".to_owned();
    }
    match (why.ahead, migration.status()) {
        (_, Status::InProgress | Status::Verifying) => {
            "an executor goes on with it, from what is safely copied".to_owned()
        }
        (0, _) => "an executor starts it".to_owned(),
        (ahead, _) => format!("an executor starts it, after {ahead} that are before it"),
    }
}
