use clap::Args;
use serde_json::{Map, Value};
use shardferry::Settings;

use super::Context;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::table;

/// Shows the settings of the database, or changes some of them. They are part of the file: a
/// restart changes none. `none` takes a limit away; byte values take units (`50MiB`).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry settings\n  \
    shardferry settings --set in_flight_per_source_max=1 --set bytes_per_second_max=50MiB")]
pub(crate) struct SettingsArgs {
    /// Put a setting into force; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(args: &SettingsArgs, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = if args.set.is_empty() {
        database::open_to_look(context.db)?
    } else {
        database::open(context.db)?
    };
    let settings = match tracker.settings() {
        // Lost settings are put into force again: those of a new database, and what is set.
        Err(error) if error.is_about_one_row() && !args.set.is_empty() => {
            context.out.note(format_args!(
                "{error}; what is not set here is as in a new database"
            ));
            database::settings()
        }
        settings => settings?,
    };
    let mut fields = fields(&settings)?;
    for assignment in &args.set {
        assign(&mut fields, assignment)?;
    }
    if !args.set.is_empty() {
        let settings: Settings =
            serde_json::from_value(Value::Object(fields.clone())).map_err(|error| {
                Failure::new(Exit::Usage, error).context("a setting has a wrong value")
            })?;
        tracker.set_settings(&settings)?;
    }
    context.out.result(
        || {
            let rows = fields.iter();
            table(
                &["setting", "value"],
                rows.map(|(key, value)| vec![key.clone(), shown(value)]),
            )
        },
        || Value::Object(fields.clone()),
    );
    Ok(Exit::Success)
}

fn fields(settings: &Settings) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Failure::new(Exit::Unexpected, error)),
    }
}

fn assign(fields: &mut Map<String, Value>, assignment: &str) -> Result<(), Failure> {
    let wrong = |message: String| Failure::message(Exit::Usage, message);
    let (key, value) = assignment
        .split_once('=')
        .ok_or_else(|| wrong(format!("--set {assignment}: KEY=VALUE is needed")))?;
    let known: Vec<&String> = fields.keys().collect();
    if !fields.contains_key(key) {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        return Err(wrong(format!("there is no setting {key}"))
            .advise(format_args!("the settings are {}", known.join(", "))));
    }
    let value = match (value, value.parse::<u64>()) {
        ("none" | "null", _) => Value::Null,
        (_, Ok(number)) => Value::from(number),
        (text, Err(_)) if key.contains("bytes") => {
            let size: bytesize::ByteSize = text
                .parse()
                .map_err(|error| wrong(format!("--set {assignment}: {error}")))?;
            Value::from(size.as_u64())
        }
        (text, Err(_)) => Value::from(text),
    };
    fields.insert(key.to_owned(), value);
    Ok(())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
