//! Test data that is not part of the repository.

use std::path::PathBuf;

/// A file or folder of it, where `SHARDFERRY_DATA` says that it is there.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("SHARDFERRY_DATA")?).join(name);
    path.exists().then_some(path)
}
