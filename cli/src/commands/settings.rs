use clap::Args;
use serde_json::Value;

use super::{Context, setting};
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
    let mut fields = setting::fields(&settings)?;
    for assignment in &args.set {
        setting::assign(&mut fields, assignment)?;
    }
    if !args.set.is_empty() {
        let settings = setting::settings(fields.clone()).map_err(|why| {
            Failure::message(Exit::Usage, why)
                .context("the settings do not agree with each other")
                .advise(
                    "look at `shardferry settings`; several `--set` are put into force together",
                )
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

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
