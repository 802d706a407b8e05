//! What goes wrong on a file system, and what that means for a migration.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::names::NameError;
use crate::executor::{Interrupted, MoverError};

/// Why a step on one file system did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("could not {doing} {path:?}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Trying again will not help.
    #[error("{0}")]
    Refused(String),
    /// Trying again may help.
    #[error("{0}")]
    NotNow(String),
    /// Trying again from the beginning may help.
    #[error("{0}")]
    StartOver(String),
}

impl Problem {
    /// For `map_err`: `doing` failed on `path`.
    pub(super) fn io<E: Into<io::Error>>(
        doing: &'static str,
        path: impl FnOnce() -> PathBuf,
    ) -> impl FnOnce(E) -> Self {
        move |error| Self::Io {
            doing,
            path: path(),
            source: error.into(),
        }
    }
}

impl From<Problem> for MoverError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Interrupted(interrupted) => Self::Interrupted(interrupted),
            Problem::Name(name) => Self::permanent(name.to_string()),
            Problem::Refused(reason) => Self::permanent(reason),
            Problem::NotNow(reason) => Self::retriable(reason),
            Problem::StartOver(reason) => Self::retriable(reason).starting_over(),
            Problem::Io {
                doing,
                path,
                source,
            } => failed(doing, &path, source),
        }
    }
}

/// An operator can free space or mount a disk while we wait; a missing permission, a read-only file
/// system or a name that the file system does not take stays as it is.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "ErrorKind is not ours and not exhaustive"
)]
fn failed(doing: &str, path: &std::path::Path, source: io::Error) -> MoverError {
    let what = format!("could not {doing} {path:?}");
    let error = match source.kind() {
        ErrorKind::StorageFull => MoverError::retriable(format!(
            "the file system is full: {what}; free space there, and it goes on"
        )),
        ErrorKind::QuotaExceeded => MoverError::retriable(format!(
            "the disk quota is used up: {what}; raise it or free space, and it goes on"
        )),
        ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidFilename
        | ErrorKind::FileTooLarge
        | ErrorKind::Unsupported => MoverError::permanent(what),
        _ => MoverError::retriable(what),
    };
    error.because(source)
}
