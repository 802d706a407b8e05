use clap::Args;
use serde_json::json;

use super::Context;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::count;

/// Checks every invariant of the database; changes nothing. Exit code 6 when one does not hold.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry check && echo sound")]
pub(crate) struct Check {}

pub(crate) fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let report = database::open(context.db)?.check()?;
    let rows = report.rows();
    let violations = report.violations.iter();
    context.out.result(
        || {
            if report.is_clean() {
                return format!("every invariant holds ({})", count(rows, "row"));
            }
            let lines: Vec<String> = violations.clone().map(ToString::to_string).collect();
            format!("{}\n{}", count(lines.len(), "violation"), lines.join("\n"))
        },
        || {
            let each = violations.clone().map(|one| {
                json!({
                    "invariant": one.invariant,
                    "table": one.table,
                    "key": one.key,
                    "rule": one.rule,
                })
            });
            json!({
                "violations": each.collect::<Vec<_>>(),
                "rows": rows,
                "migrations_active": report.migrations_active,
                "migrations_ended": report.migrations_ended,
                "events": report.events,
            })
        },
    );
    Ok(if report.is_clean() {
        Exit::Success
    } else {
        Exit::Violations
    })
}
