use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use shardferry::MigrationTracker;
use shardferry::tracker::{self, Exported};

use super::Context;
use super::backup::taken;
use crate::exit::Exit;
use crate::failure::{DISK, Failure, writing_advice};
use crate::lines::{ExportError, Writer};
use crate::progress::Rows;
use crate::text::{count, path};
use crate::{database, draft};

/// Writes the whole database as JSON lines (docs/EXPORT.md), for `import` and for other programs.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry export --output cluster.jsonl\n  \
    shardferry export | zstd > cluster.jsonl.zst"
)]
pub(crate) struct Export {
    /// Where the lines go; `-`: to stdout, which then holds nothing else. Nothing is overwritten
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(crate) fn run(args: &Export, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    if args.output.as_os_str() == "-" {
        let rows = match write(&tracker, io::stdout().lock()) {
            // The reader went away: it has what it wanted.
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(Exit::Success);
            }
            outcome => outcome.map_err(failed)?.1,
        };
        context
            .out
            .note(format_args!("exported {}", count(rows, "row")));
        return Ok(Exit::Success);
    }
    let rows = write_file(&tracker, &args.output)?;
    let file = path(&args.output);
    context.out.result(
        || format!("exported {} to {file}", count(rows, "row")),
        || json!({ "exported": file, "rows": rows }),
    );
    Ok(Exit::Success)
}

fn write<W: Write>(tracker: &MigrationTracker, out: W) -> Result<(W, u64), ExportError> {
    let mut writer = Writer::new(BufWriter::new(out));
    let mut progress = Rows::new();
    let mut total = None;
    tracker.export(&mut |exported| {
        writer.take(&exported)?;
        if let Exported::Counts(tables) = &exported {
            total = Some(tables.iter().map(|table| table.rows).sum());
        }
        progress.at("exporting", writer.rows(), total.unwrap_or(0));
        Ok::<(), ExportError>(())
    })?;
    progress.finish();
    let rows = writer.rows();
    let buffered = writer.finish()?;
    let out = buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok((out, rows))
}

/// Under a temporary name first: after a crash there is no file, or a whole one.
fn write_file(tracker: &MigrationTracker, file: &Path) -> Result<u64, Failure> {
    let failed_to = |doing: &'static str| {
        move |error: io::Error| {
            let context = format!("{doing} {} failed", path(file));
            let advice = writing_advice(&error);
            Failure::new(Exit::Unexpected, error)
                .context(context)
                .advise(advice)
        }
    };
    if std::fs::symlink_metadata(file).is_ok() {
        return Err(taken(file));
    }
    let mut temporary = draft::begin(file).map_err(failed_to("creating"))?;
    let (_, rows) = write(tracker, temporary.as_file_mut()).map_err(failed)?;
    temporary
        .as_file()
        .sync_all()
        .map_err(failed_to("syncing"))?;
    temporary.persist_noclobber(file).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            taken(file)
        } else {
            failed_to("naming")(error.error)
        }
    })?;
    File::open(draft::folder_of(file))
        .and_then(|folder| folder.sync_all())
        .map_err(failed_to("syncing the folder of"))?;
    Ok(rows)
}

fn failed(error: ExportError) -> Failure {
    match error {
        ExportError::Database(tracker::ExportError::Store(error)) => error.into(),
        ExportError::Database(refused @ tracker::ExportError::SetAside { .. }) => {
            Failure::new(Exit::Refused, refused)
                .advise("`shardferry set-aside list` shows what is set aside")
        }
        ExportError::Write(_) | ExportError::Json(_) => {
            Failure::new(Exit::Unexpected, error).advise(DISK)
        }
    }
}
