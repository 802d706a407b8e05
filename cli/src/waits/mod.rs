//! What a migration waits for, in words and in JSON.

mod obstacle;
mod unfinished;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use shardferry::store::StoreError;
use shardferry::tracker::Explanation;

use crate::names::Names;
use crate::text;

pub(crate) use unfinished::{of_unfinished, summary, views};

/// One thing that a migration waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wait {
    /// The name of its kind, for scripts.
    pub(crate) kind: &'static str,
    /// In a sentence.
    pub(crate) text: String,
    /// What is known of it.
    fields: Value,
    /// The command that ends it, where there is one.
    pub(crate) todo: Option<String>,
}

impl Wait {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        let (text, fields) = (text.into(), json!({}));
        Self {
            kind,
            text,
            fields,
            todo: None,
        }
    }

    fn with(mut self, fields: Value) -> Self {
        self.fields = fields;
        self
    }

    fn todo(mut self, command: impl Into<String>) -> Self {
        self.todo = Some(command.into());
        self
    }

    /// A row that is needed cannot be read.
    fn unreadable(error: &StoreError) -> Self {
        Self::new("unreadable", format!("a row cannot be read: {error}")).todo("shardferry check")
    }

    pub(crate) fn view(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("kind".to_owned(), self.kind.into());
        fields.insert("text".to_owned(), self.text.clone().into());
        fields.insert("todo".to_owned(), self.todo.clone().into());
        if let Value::Object(more) = &self.fields {
            fields.extend(more.clone());
        }
        Value::Object(fields)
    }
}

/// Everything that `why` says the migration waits for. That it has ended is no wait.
pub(crate) fn of(why: &Explanation, names: &Names) -> Vec<Wait> {
    let migration = &why.migration;
    let obstacles = why.obstacles.iter();
    let mut waits: Vec<Wait> = obstacles
        .filter_map(|one| obstacle::wait(one, migration, names))
        .collect();
    if migration.status().is_terminal() {
        return waits;
    }
    if let Some(wish) = &migration.cancel {
        let since = text::time(wish.at_ms);
        waits.push(
            Wait::new(
                "cancelling",
                format!("it is being cancelled since {since}: {}", wish.reason),
            )
            .with(json!({ "since_ms": wish.at_ms, "reason": wish.reason }))
            .todo("shardferry run"),
        );
    }
    if let Some(attempt) = migration.attempt.as_ref().filter(|attempt| attempt.stalled) {
        let since = text::time(attempt.moved_at_ms);
        waits.push(
            Wait::new(
                "stalled",
                format!("it has not come further since {since} (stall_ms)"),
            )
            .with(json!({ "since_ms": attempt.moved_at_ms, "executor": attempt.executor })),
        );
    }
    waits
}
