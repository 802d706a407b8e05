use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use shardferry::store::OpenError;
use shardferry::tracker::{BackupError, BackupReport, BackupStage};

use super::Context;
use crate::exit::Exit;
use crate::failure::{DISK, Failure, writing_advice};
use crate::progress::Rows;
use crate::text::{bytes, count, hex, path};
use crate::{database, view};

/// Makes a copy of the database, of one instant, and reads it again before it is called done. A
/// copy by other means, of a database that is open, is no backup.
///
/// A backup is a database: whatever opens it, also only to look, writes to the file and needs the
/// permission to. One that is to stay as it is byte for byte is copied, and the copy opened.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry backup /mnt/backup/monday.redb\n  \
    shardferry --db /mnt/backup/monday.redb check"
)]
pub(crate) struct Backup {
    /// Where the copy goes; nothing is overwritten
    file: PathBuf,
}

pub(crate) fn run(args: &Backup, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let mut rows = Rows::new();
    let report = tracker
        .backup_with(&args.file, &mut |progress| {
            let doing = match progress.stage {
                BackupStage::Copying => "copying",
                BackupStage::Verifying => "comparing",
            };
            rows.at(doing, progress.rows, progress.rows_total);
        })
        .map_err(failed)?;
    rows.finish();
    context.out.result(|| text_of(&report), || json_of(&report));
    Ok(if report.violations.is_empty() {
        Exit::Success
    } else {
        Exit::Violations
    })
}

fn text_of(report: &BackupReport) -> String {
    let mut text = format!(
        "{} is a whole backup: {}, {}, BLAKE3 {}",
        path(&report.path),
        count(report.rows(), "row"),
        bytes(report.bytes),
        hex(&report.digest)
    );
    if !report.violations.is_empty() {
        let violations = count(report.violations.len(), "violation");
        text.push_str(&format!(
            "\nthe database has {violations}, and so has the backup:"
        ));
    }
    for violation in &report.violations {
        text.push_str(&format!("\n{violation}"));
    }
    text
}

fn json_of(report: &BackupReport) -> serde_json::Value {
    json!({
        "backup": path(&report.path),
        "rows": report.rows(),
        "bytes": report.bytes,
        "blake3": hex(&report.digest),
        "tables": view::tables(&report.tables),
        "violations": report.violations.iter().map(view::violation).collect::<Vec<_>>(),
    })
}

fn failed(error: BackupError) -> Failure {
    match error {
        BackupError::Read(error) => error.into(),
        BackupError::Create(OpenError::Exists { path }) => taken(&path),
        BackupError::Create(error) => {
            let advice = match &error {
                OpenError::Io { source, .. } => writing_advice(source),
                OpenError::NotFound { .. }
                | OpenError::Exists { .. }
                | OpenError::NotAFile { .. }
                | OpenError::NotOwner { .. }
                | OpenError::Locked { .. }
                | OpenError::NotADatabase { .. }
                | OpenError::NewerFormat { .. }
                | OpenError::Upgrade { .. }
                | OpenError::Damaged { .. }
                | OpenError::WriteAheadLog { .. }
                | OpenError::Store { .. } => DISK,
            };
            Failure::new(Exit::Unexpected, error)
                .context("the backup was not made")
                .advise(advice)
        }
        BackupError::Write { .. } | BackupError::Differs { .. } => {
            Failure::new(Exit::Unexpected, error).advise(DISK)
        }
    }
}

/// Something is where a new file should be.
pub(super) fn taken(file: &std::path::Path) -> Failure {
    let file = path(file);
    Failure::message(Exit::Refused, format_args!("{file} exists already"))
        .advise("nothing is overwritten: choose another path, or move away what is there")
}
