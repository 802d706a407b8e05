//! The mark of a node's directory: a small file that says whose it is. A mount point without its
//! disk has none, so nothing is taken for moved, or for removed, that only is not mounted.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::error::Problem;
use super::scan::ScanError;
use crate::executor::Endpoint;
use crate::schema::NodeId;

/// The name of the mark in a node's directory.
pub const MARK_NAME: &str = ".shardferry-node";

/// What a mark is called until it is whole: something between these two.
const UNFINISHED: (&str, &str) = (".shardferry-", ".mark");

/// Marks `directory` as that of `node`. Marking twice is marking once; a crash leaves the mark or
/// none, and perhaps a small file that the next call removes.
///
/// # Errors
/// [`ScanError`] when it is the directory of another node already, or cannot be written to.
pub fn mark(directory: &Path, node: NodeId) -> Result<(), ScanError> {
    if is_marked(directory, node)? {
        return Ok(());
    }
    sweep(directory);
    let path = directory.join(MARK_NAME);
    let cannot = |source| Problem::Io {
        doing: "mark the directory with",
        path: path.clone(),
        source,
    };
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED.0)
        .suffix(UNFINISHED.1)
        .tempfile_in(directory)
        .map_err(cannot)?;
    writeln!(file, "{node}").map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(&path).map_err(|error| cannot(error.error))?;
    fs::File::open(directory)
        .and_then(|folder| folder.sync_all())
        .map_err(cannot)?;
    Ok(())
}

/// Whether `directory` is marked as that of `node`. Changes nothing.
///
/// # Errors
/// [`ScanError`] when it is the directory of another node, or its mark cannot be read: then
/// [`mark`] refuses it too.
pub fn is_marked(directory: &Path, node: NodeId) -> Result<bool, ScanError> {
    match read(directory)? {
        Some(marked) if marked == node.to_string() => Ok(true),
        Some(marked) => Err(of_another(directory, &marked, node).into()),
        None => Ok(false),
    }
}

/// Takes the mark of `node` away again. Where there is none, nothing is done.
///
/// # Errors
/// [`ScanError`] when it is the directory of another node, or the mark cannot be removed.
pub fn unmark(directory: &Path, node: NodeId) -> Result<(), ScanError> {
    if !is_marked(directory, node)? {
        return Ok(());
    }
    let path = directory.join(MARK_NAME);
    fs::remove_file(&path).map_err(|source| Problem::Io {
        doing: "remove",
        path,
        source,
    })?;
    Ok(())
}

/// Removes what an interrupted marking left. Failing to is not failing to mark. Whoever marks the
/// same directory at this moment may fail once.
fn sweep(directory: &Path) {
    let (prefix, suffix) = UNFINISHED;
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_bytes())
            && name.ends_with(suffix.as_bytes())
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!(path = ?entry.path(), %error, "left an unfinished mark");
        }
    }
}

/// Refuses a directory that is not marked as that of `endpoint`.
pub(super) fn require(endpoint: &Endpoint) -> Result<(), Problem> {
    let Some(address) = &endpoint.address else {
        return Ok(());
    };
    let directory = Path::new(address.as_str());
    let node = endpoint.node;
    match read(directory)? {
        Some(marked) if marked == node.to_string() => Ok(()),
        Some(marked) => Err(of_another(directory, &marked, node)),
        None => Err(Problem::NotNow(format!(
            "{directory:?} has no {MARK_NAME}: is the disk of node {node} mounted there? If this is its \
             directory, put {node} into a file of that name"
        ))),
    }
}

fn of_another(directory: &Path, marked: &str, node: NodeId) -> Problem {
    Problem::Refused(format!(
        "{directory:?} is marked as the directory of node {marked:?}, not of node {node}: are two \
         disks mounted the wrong way round? If not, remove {MARK_NAME} in it"
    ))
}

/// What the mark says. `None`: there is none, or no directory.
fn read(directory: &Path) -> Result<Option<String>, Problem> {
    let path = directory.join(MARK_NAME);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(Problem::Io {
            doing: "read",
            path,
            source,
        }),
    }
}
