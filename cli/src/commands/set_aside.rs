use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shardferry::schema::table::TableId;
use shardferry::tracker::SetAside;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::table;
use crate::{database, text};

/// Shows the rows that could not be read and were set aside, or gives one up.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry set-aside list --bytes\n  \
    shardferry set-aside forgive shards 0x0000000000000007 --reason 'registered again'")]
pub(crate) struct SetAsideArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show them
    List {
        /// With the bytes of their values, in hex
        #[arg(long)]
        bytes: bool,
    },
    /// Remove one for ever: what it blocked is free, and the log says so
    Forgive {
        /// The table that it was in
        table: String,
        /// Its key there, in hex
        key: String,
        /// Why nobody needs it
        #[arg(long)]
        reason: String,
    },
}

impl SetAsideArgs {
    /// Whether it changes nothing.
    pub(crate) fn only_looks(&self) -> bool {
        match &self.what {
            What::List { .. } => true,
            What::Forgive { .. } => false,
        }
    }
}

pub(crate) fn run(args: &SetAsideArgs, context: Context<'_>) -> Result<Exit, Failure> {
    match &args.what {
        What::List { bytes } => list(*bytes, context),
        What::Forgive { table, key, reason } => forgive(table, key, reason, context),
    }
}

fn list(bytes: bool, context: Context<'_>) -> Result<Exit, Failure> {
    let rows = database::open_to_look(context.db)?.set_aside()?;
    context.out.result(
        || list_text(&rows, bytes),
        || rows.iter().map(|row| shown(row, bytes)).collect::<Value>(),
    );
    Ok(Exit::Success)
}

fn list_text(rows: &[SetAside], bytes: bool) -> String {
    if rows.is_empty() {
        return "no row is set aside".to_owned();
    }
    let mut headings = vec!["table", "key", "since", "bytes>", "reason"];
    headings.extend(bytes.then_some("value"));
    let cells = rows.iter().map(|row| {
        let mut cells = vec![
            table_of(row).to_owned(),
            format!("0x{}", text::hex(&row.key)),
            text::time(row.at_ms),
            row.value_bytes.to_string(),
            row.reason.clone(),
        ];
        cells.extend(bytes.then(|| value(row).unwrap_or_else(|| "damaged".to_owned())));
        cells
    });
    let rows = table(&headings, cells);
    format!(
        "{rows}\nwhat they are about stays blocked; `shardferry set-aside forgive TABLE KEY --reason \
         WHY` gives one up"
    )
}

fn shown(row: &SetAside, bytes: bool) -> Value {
    json!({
        "table": table_of(row),
        "key": format!("0x{}", text::hex(&row.key)),
        "at_ms": row.at_ms,
        "value_bytes": row.value_bytes,
        "reason": row.reason,
        "value": value(row).filter(|_| bytes),
    })
}

fn value(row: &SetAside) -> Option<String> {
    row.value.as_deref().map(text::hex)
}

fn table_of(row: &SetAside) -> &'static str {
    row.table.unwrap_or(TableId::SetAside).name()
}

fn forgive(name: &str, key: &str, reason: &str, context: Context<'_>) -> Result<Exit, Failure> {
    let wrong = |message: String| Failure::message(Exit::Usage, message);
    let table = TableId::from_name(name).ok_or_else(|| {
        let known: Vec<_> = TableId::ALL.iter().map(|table| table.name()).collect();
        wrong(format!("there is no table {name}"))
            .advise(format_args!("the tables are {}", known.join(", ")))
    })?;
    let bytes = text::from_hex(key).ok_or_else(|| {
        wrong(format!(
            "the key {key} is not in hex, like 0x0000000000000007"
        ))
    })?;
    database::open(context.db)?.forgive_set_aside(table, &bytes, reason)?;
    context.out.result(
        || format!("gave up the row of table {name} with key {key}"),
        || json!({ "forgiven": { "table": name, "key": format!("0x{}", text::hex(&bytes)) } }),
    );
    Ok(Exit::Success)
}
