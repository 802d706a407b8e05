//! A cluster as JSON (docs/PLAN_FILE.md), read as a stream: a million shards take no more memory
//! than the planner's own input.

mod cluster;
mod list;
mod node;
mod policy;
mod row;
mod shard;
mod small;
mod values;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeSeed as _;
use shardferry::planner::Input;

use super::wish::Wish;
use crate::exit::Exit;
use crate::failure::{Failure, Problem};
use crate::text;
use cluster::Cluster;
use row::Trace;

/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// What a cluster file has.
pub(super) struct ClusterInput {
    pub(super) input: Input,
    pub(super) wish: Wish,
}

/// Reads the cluster at `path`; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<ClusterInput, Failure> {
    let shown = shown(path);
    let input: Box<dyn Read> = if is_stdin(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| unreadable(error, &shown))?)
    };
    let trace = Trace::default();
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, input));
    let read = Cluster(&trace).deserialize(&mut json);
    let read = read.and_then(|cluster| {
        trace.outside();
        json.end().map(|()| cluster)
    });
    let cluster = read.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => unreadable(error.into(), &shown),
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Data
        | serde_json::error::Category::Eof => wrong(&shown, &error, &trace),
    })?;
    cluster.finish().map_err(|message| {
        problem(
            &shown,
            Problem {
                place: shown.clone(),
                message,
            },
        )
    })
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "stdin".to_owned()
    } else {
        text::path(path)
    }
}

fn unreadable(error: io::Error, shown: &str) -> Failure {
    Failure::new(Exit::Input, error)
        .context(format_args!("{shown} cannot be read"))
        .advise("name a cluster as JSON; docs/PLAN_FILE.md says what is in it")
}

fn wrong(shown: &str, error: &serde_json::Error, trace: &Trace) -> Failure {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let suffix = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&suffix).unwrap_or(&message);
    problem(
        shown,
        Problem {
            place: format!("{shown}:{line}:{column}"),
            message: format!("{}{message}", trace.place()),
        },
    )
}

fn problem(shown: &str, problem: Problem) -> Failure {
    Failure::problems(format!("{shown} is not a cluster"), vec![problem])
        .advise("correct it; docs/PLAN_FILE.md says what is in it")
}
