//! The names in a node's directory: which are shards, and which are ours.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::mark;
use crate::executor::Job;
use crate::schema::MigrationId;

/// What every temporary name begins with. No shard may have such a name.
const PREFIX: &str = ".shardferry-";
/// A copy that does not serve yet.
const PART: &str = ".part";
/// A source copy whose removal has begun.
const RELEASED: &str = ".released";
/// The longest name that the common file systems take.
const NAME_BYTES_MAX: usize = 255;

/// Whether `name` is one that the directory mover gives to what it has not finished. A scan of a
/// node's directory skips such names.
#[must_use]
pub fn is_temporary_name(name: &OsStr) -> bool {
    is_reserved(name) && name != mark::MARK_NAME
}

/// Whether `name` is ours: no shard may have it, and a scan skips it.
pub(super) fn is_reserved(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PREFIX.as_bytes())
}

/// The migration that left something under the temporary `name`; `None` when the directory mover
/// did not make it.
#[must_use]
pub fn temporary_owner(name: &OsStr) -> Option<MigrationId> {
    let rest = name.to_str()?.strip_prefix(PREFIX)?;
    let id = rest
        .strip_suffix(PART)
        .or_else(|| rest.strip_suffix(RELEASED))?;
    let migration: MigrationId = id.parse().ok()?;
    // Other spellings of a UUID parse too; we write only one.
    (migration.to_string() == id).then_some(migration)
}

/// The name of the copy of `migration` until it serves.
pub(super) fn part(migration: MigrationId) -> OsString {
    format!("{PREFIX}{migration}{PART}").into()
}

/// The name of the source copy of `migration` while it is removed.
pub(super) fn released(migration: MigrationId) -> OsString {
    format!("{PREFIX}{migration}{RELEASED}").into()
}

/// Why a shard cannot be an entry of a directory under its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    #[error("the shard name {0:?} names no entry of a directory; rename the shard")]
    Dots(OsString),
    #[error(
        "the shard name {0:?} contains '/' or a zero byte, so it leads elsewhere; rename the shard"
    )]
    Separator(OsString),
    #[error(
        "the shard name {0:?} begins with \"{PREFIX}\", which is kept for temporary names; rename the shard"
    )]
    Temporary(OsString),
    #[error(
        "the shard name {0:?} has {1} bytes; a name in a directory has from 1 to {NAME_BYTES_MAX}"
    )]
    Length(OsString, usize),
}

/// The entry of a node's directory that is the shard of `job`.
pub(super) fn of_shard(job: &Job) -> Result<OsString, NameError> {
    let name = match &job.shard_name {
        Some(name) => OsStr::from_bytes(name.as_bytes()).to_owned(),
        None => job.shard.to_string().into(),
    };
    check(&name).map(|()| name)
}

fn check(name: &OsStr) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > NAME_BYTES_MAX {
        return Err(NameError::Length(name.to_owned(), bytes.len()));
    }
    if bytes == b"." || bytes == b".." {
        return Err(NameError::Dots(name.to_owned()));
    }
    if bytes.contains(&b'/') || bytes.contains(&0) {
        return Err(NameError::Separator(name.to_owned()));
    }
    if is_reserved(name) {
        return Err(NameError::Temporary(name.to_owned()));
    }
    Ok(())
}
