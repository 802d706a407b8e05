//! A place inside a shard.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A path relative to the top of a shard: names joined by `/`; empty for the top itself. Ordered
/// as the walk goes: a folder before what is in it, names of one folder byte by byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Relative(Vec<u8>);

impl Relative {
    /// The top of the shard.
    pub(super) fn top() -> Self {
        Self::default()
    }

    /// Checks a path that comes from outside. `None`: it could lead out of the shard.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let path = Self(bytes.to_vec());
        let safe = path
            .components()
            .all(|name| !matches!(name, b"" | b"." | b"..") && !name.contains(&0));
        safe.then_some(path)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `name` in this folder.
    pub(super) fn child(&self, name: &OsStr) -> Self {
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        Self(path)
    }

    /// The folder that holds this entry, and the entry's name in it. `None` for the top.
    pub(super) fn split(&self) -> Option<(Self, &OsStr)> {
        let mut parts = self.0.rsplitn(2, |byte| *byte == b'/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let folder = Self(parts.next().unwrap_or_default().to_vec());
        Some((folder, OsStr::from_bytes(name)))
    }

    /// The names from the top down.
    pub(super) fn components(&self) -> impl Iterator<Item = &[u8]> {
        let names = (!self.0.is_empty()).then(|| self.0.split(|byte| *byte == b'/'));
        names.into_iter().flatten()
    }
}

impl Ord for Relative {
    fn cmp(&self, other: &Self) -> Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for Relative {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
