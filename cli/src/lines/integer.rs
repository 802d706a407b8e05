//! Integers that a reader with floating-point numbers would round: `{"$u64": "18446744073709551615"}`.

use serde_json::{Map, Value, json};

/// The largest integer up to which a floating-point number of 64 bits holds each one.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// What marks an integer that is written as text. No field of a record has this name.
const MARK: &str = "$u64";

/// Writes every integer above [`EXACT_MAX`] as text.
pub(super) fn mark(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(large) if large > EXACT_MAX => json!({ MARK: large.to_string() }),
            Some(_) | None => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(mark).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, mark(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

/// Reads what [`mark`] wrote.
pub(super) fn unmark(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(unmark).collect(),
        Value::Object(fields) => match marked(&fields) {
            Some(large) => Value::from(large),
            None => fields
                .into_iter()
                .map(|(name, value)| (name, unmark(value)))
                .collect::<Map<_, _>>()
                .into(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn marked(fields: &Map<String, Value>) -> Option<u64> {
    match fields.get(MARK)? {
        Value::String(digits) if fields.len() == 1 => digits.parse().ok(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}
