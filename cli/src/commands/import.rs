use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use shardferry::MigrationTracker;
use shardferry::store::{OpenError, OpenOptions};
use shardferry::tracker::check::{CheckReport, TableRows};
use shardferry::tracker::{Fact, ImportError};

use super::Context;
use super::backup::taken;
use crate::exit::Exit;
use crate::failure::{Failure, Problem};
use crate::lines::{LineError, Reader};
use crate::progress::Rows;
use crate::text::{count, path};
use crate::view;

/// Creates the database of what `export` wrote, row for row, and checks every invariant of it.
/// Either all of it is there afterwards, or nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry --db new.redb import cluster.jsonl\n  \
    zstd -dc cluster.jsonl.zst | shardferry --db new.redb import -"
)]
pub(crate) struct Import {
    /// The export; `-`: from stdin
    file: PathBuf,
}

pub(crate) fn run(args: &Import, context: Context<'_>) -> Result<Exit, Failure> {
    let from_stdin = args.file.as_os_str() == "-";
    let name = if from_stdin {
        "stdin".to_owned()
    } else {
        path(&args.file)
    };
    // Said before the whole input is read.
    if std::fs::symlink_metadata(context.db).is_ok() {
        return Err(taken(context.db));
    }
    let input: Box<dyn BufRead> = if from_stdin {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(&args.file).map_err(|error| {
            Failure::new(Exit::Input, error)
                .context(format_args!("reading {name} failed"))
                .advise("name a file that `shardferry export` wrote, or `-` for stdin")
        })?;
        Box::new(BufReader::new(file))
    };
    let report = import(input, context).map_err(|error| failed(&name, error))?;
    let created = path(context.db);
    context.out.result(
        || {
            let is_fact = |one: &&TableRows| Fact::TABLES.iter().any(|it| it.name() == one.table);
            let facts: u64 = report
                .tables
                .iter()
                .filter(is_fact)
                .map(|one| one.rows)
                .sum();
            format!(
                "imported {} from {name} into {created}, and built {} of indexes; every invariant \
                 holds",
                count(facts, "row"),
                count(report.rows().saturating_sub(facts), "row"),
            )
        },
        || {
            json!({
                "created": created,
                "rows": report.rows(),
                "tables": view::tables(&report.tables),
            })
        },
    );
    Ok(Exit::Success)
}

fn import(
    input: Box<dyn BufRead>,
    context: Context<'_>,
) -> Result<CheckReport, ImportError<LineError>> {
    let reader = Reader::new(input).map_err(ImportError::Source)?;
    let total = reader.promised_rows();
    let mut progress = Rows::new();
    let mut rows = 0_u64;
    let facts = reader.inspect(|_| {
        rows = rows.saturating_add(1);
        progress.at("importing", rows, total);
    });
    let report = MigrationTracker::import(context.db, &OpenOptions::default(), facts);
    progress.finish();
    report
}

const EXPORT_AGAIN: &str = "export it again, or correct it by docs/EXPORT.md";

fn failed(name: &str, error: ImportError<LineError>) -> Failure {
    let wrong = |line: u64, message: String| {
        let problem = Problem {
            place: format!("{name}:{line}"),
            message,
        };
        let summary = "nothing was imported: the export is not right".to_owned();
        Failure::problems(summary, vec![problem]).advise(EXPORT_AGAIN)
    };
    match error {
        ImportError::Source(LineError { line, source }) => wrong(line, chain(&source)),
        // The first fact is on the second line.
        ImportError::Fact { at, source } => wrong(at.saturating_add(1), chain(&source)),
        ImportError::Missing { table } => {
            let summary = "nothing was imported: the export is not right".to_owned();
            let problem = Problem {
                place: name.to_owned(),
                message: format!("a row of {table} is missing"),
            };
            Failure::problems(summary, vec![problem]).advise(EXPORT_AGAIN)
        }
        ImportError::Violations { violations, .. } => {
            let problems = violations.iter().map(|violation| Problem {
                place: name.to_owned(),
                message: violation.to_string(),
            });
            Failure::problems(
                "nothing was imported: the rows break invariants".to_owned(),
                problems.collect(),
            )
            .advise(EXPORT_AGAIN)
        }
        ImportError::Create(OpenError::Exists { path }) => taken(&path),
        ImportError::Create(error) => error.into(),
        ImportError::Store(error) => error.into(),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(&format!(": {said}"));
        }
        cause = error.source();
    }
    text
}
