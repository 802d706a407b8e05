use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

/// The version of the lines that is written and read.
pub(super) const VERSION: u64 = 1;

/// The longest line that is read. The longest that is written has less than a fifth of it.
pub(super) const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// [`VERSION`].
    pub(super) shardferry_export: u64,
    /// The format of the records.
    pub(super) format: u32,
    /// How many rows will come, by table.
    pub(super) tables: BTreeMap<String, u64>,
}

/// The last line: `{"end": ...}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Footer {
    pub(super) end: End,
}

/// That nothing is missing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// How many rows came.
    pub(super) rows: u64,
    /// The digest of every byte before this line.
    pub(super) blake3: String,
}

/// Something is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the export is wrong")]
pub(crate) struct LineError {
    /// Which one, counted from 1.
    pub(crate) line: u64,
    /// What.
    pub(crate) source: Fault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it could not be read")]
    Read(#[from] io::Error),
    #[error("it is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is not a JSON object: {0}")]
    Json(serde_json::Error),
    #[error("it is not the first line of an export, {{\"shardferry_export\": 1, ...}}: {0}")]
    Header(String),
    #[error("the export has version {found}; this program reads version {VERSION}")]
    Version { found: u64 },
    #[error("the export has records of format {found}; this program reads format {known}")]
    Format { found: u32, known: u32 },
    #[error("it is neither a row, {{\"table\": ..., \"row\": ...}}, nor the end: {0}")]
    Row(serde_json::Error),
    #[error("there is no table {0}")]
    UnknownTable(String),
    #[error("{0} is an index: it follows from other tables and is not imported")]
    Index(String),
    #[error("a row of {table} looks otherwise: {source}")]
    Record {
        table: &'static str,
        source: serde_json::Error,
    },
    #[error("{at} is not what an export writes: {expected} was expected, {found} is there")]
    NotCanonical {
        at: String,
        expected: String,
        found: String,
    },
    #[error("the first line promises {promised} rows of {table}, {found} came")]
    Count {
        table: String,
        promised: u64,
        found: u64,
    },
    #[error("it says {said} rows, {found} came")]
    Rows { said: u64, found: u64 },
    #[error("it says that the lines before it have the BLAKE3 digest {said}; they have {found}")]
    Digest { said: String, found: String },
    #[error("the last line, {{\"end\": ...}}, was expected: the export was cut off")]
    CutOff,
    #[error("nothing was expected after the end")]
    AfterTheEnd,
}
