use std::io::{self, Write};

use serde_json::Value;
use shardferry::schema::FORMAT;
use shardferry::tracker::{self, Exported};

use super::line::{End, Footer, Header, VERSION};
use super::row;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("the database was not exported")]
    Database(#[from] tracker::ExportError),
    #[error("the export could not be written")]
    Write(#[from] io::Error),
    #[error("a row could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Writes the lines of an export.
pub(crate) struct Writer<W> {
    out: W,
    hasher: blake3::Hasher,
    rows: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            hasher: blake3::Hasher::new(),
            rows: 0,
        }
    }

    /// How many rows were written.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what is exported, as it comes.
    pub(crate) fn take(&mut self, exported: &Exported) -> Result<(), ExportError> {
        match exported {
            Exported::Counts(tables) => {
                let tables = tables.iter();
                let header = Header {
                    shardferry_export: VERSION,
                    format: FORMAT,
                    tables: tables
                        .map(|table| (table.table.to_owned(), table.rows))
                        .collect(),
                };
                self.line(&serde_json::to_value(header)?)
            }
            Exported::Fact(fact) => {
                self.rows = self.rows.saturating_add(1);
                self.line(&row::to_value(fact)?)
            }
        }
    }

    /// Writes the last line.
    pub(crate) fn finish(mut self) -> Result<W, ExportError> {
        let end = End {
            rows: self.rows,
            blake3: self.hasher.finalize().to_string(),
        };
        self.line(&serde_json::to_value(Footer { end })?)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn line(&mut self, value: &Value) -> Result<(), ExportError> {
        let line = format!("{value}\n");
        self.hasher.update(line.as_bytes());
        Ok(self.out.write_all(line.as_bytes())?)
    }
}
