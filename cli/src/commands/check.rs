use clap::Args;
use serde_json::{Value, json};
use shardferry::tracker::check::{CheckReport, Violation};
use shardferry::tracker::{Repair, RepairOptions, RepairReport, Repaired};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::count;
use crate::{database, view};

/// Checks every invariant of the database; changes nothing unless `--repair` is given. Exit code 6
/// when one does not hold, or still does not.
///
/// A repair builds indexes again from their tables, and sets aside the rows that cannot be read. It
/// never guesses: rows that contradict each other are only reported.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry check && echo sound\n  \
    shardferry check --repair --dry-run\n  shardferry check --repair")]
pub(crate) struct Check {
    /// Put right what follows from other rows, and set aside what cannot be read
    #[arg(long)]
    repair: bool,
    /// Only show what `--repair` would do
    #[arg(long, requires = "repair")]
    dry_run: bool,
}

impl Check {
    /// Whether it changes nothing.
    pub(crate) fn only_looks(&self) -> bool {
        !self.repair
    }
}

pub(crate) fn run(args: &Check, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = if args.repair && !args.dry_run {
        database::open(context.db)?
    } else {
        database::open_to_look(context.db)?
    };
    let sound = if args.repair {
        let dry_run = args.dry_run;
        let report = tracker.repair(&RepairOptions { dry_run })?;
        context
            .out
            .result(|| repair_text(&report), || repair_json(&report));
        report.is_sound() && (!dry_run || report.changes.is_empty())
    } else {
        let report = tracker.check()?;
        context
            .out
            .result(|| check_text(&report), || check_json(&report));
        report.is_clean()
    };
    Ok(if sound {
        Exit::Success
    } else {
        Exit::Violations
    })
}

fn check_text(report: &CheckReport) -> String {
    if report.is_clean() {
        return format!("every invariant holds ({})", count(report.rows(), "row"));
    }
    let mut text = violations_text(&report.violations);
    let (aside, rebuilt) = (report.repair_would_set_aside, report.repair_would_rebuild);
    if aside > 0 || rebuilt > 0 {
        text.push_str(&format!(
            "\n`shardferry check --repair` sets {} aside and writes or takes out {} of indexes; \
             with `--dry-run` it shows which",
            count(aside, "row"),
            count(rebuilt, "row")
        ));
    } else {
        text.push_str("\nnone of this can be repaired from other rows");
    }
    text.push_str(&set_aside_text(report.set_aside));
    text
}

fn check_json(report: &CheckReport) -> Value {
    json!({
        "violations": violations_json(&report.violations),
        "rows": report.rows(),
        "migrations_active": report.migrations_active,
        "migrations_ended": report.migrations_ended,
        "events": report.events,
        "set_aside": report.set_aside,
        "repair": {
            "set_aside": report.repair_would_set_aside,
            "rebuilt": report.repair_would_rebuild,
        },
    })
}

fn repair_text(report: &RepairReport) -> String {
    let mut lines = Vec::new();
    let done = count(report.changes.len(), "change");
    lines.push(match (report.dry_run, report.changes.is_empty()) {
        (_, true) => "nothing to repair".to_owned(),
        (true, false) => format!("{done} would be made; nothing was written"),
        (false, false) => format!("{done} made"),
    });
    lines.extend(report.changes.iter().map(ToString::to_string));
    if report.is_sound() {
        let rows = count(report.rows, "row");
        let then = if report.dry_run {
            "then every"
        } else {
            "every"
        };
        lines.push(format!("{then} invariant holds ({rows})"));
    } else {
        lines.push(format!(
            "what is left cannot be repaired from other rows: {}",
            violations_text(&report.left)
        ));
        let is_set_aside = |one: &&Violation| one.rule.contains("is set aside");
        let set_aside = report.left.iter().filter(is_set_aside).count();
        lines.push(set_aside_text(u64::try_from(set_aside).unwrap_or(u64::MAX)));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn repair_json(report: &RepairReport) -> Value {
    let change = |one: &Repaired| {
        let (reason, value_bytes) = match &one.repair {
            Repair::SetAside {
                reason,
                value_bytes,
            } => (Some(reason), Some(value_bytes)),
            Repair::Added | Repair::Replaced | Repair::Removed => (None, None),
        };
        json!({
            "table": one.table,
            "key": one.key,
            "repair": one.repair.as_str(),
            "reason": reason,
            "value_bytes": value_bytes,
        })
    };
    json!({
        "dry_run": report.dry_run,
        "changes": report.changes.iter().map(change).collect::<Vec<_>>(),
        "left": violations_json(&report.left),
        "rows": report.rows,
    })
}

fn violations_text(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    format!("{}\n{}", count(lines.len(), "violation"), lines.join("\n"))
}

fn violations_json(violations: &[Violation]) -> Value {
    violations.iter().map(view::violation).collect()
}

fn set_aside_text(rows: u64) -> String {
    match rows {
        0 => String::new(),
        rows => format!(
            "\n{} set aside: `shardferry set-aside list` shows what was, and how to go on",
            count(rows, "row")
        ),
    }
}
