//! What an earlier attempt left at the destination, and how much of it is trusted.

use super::copy::Copier;
use super::error::Problem;
use super::meta::{Kind, Meta};
use super::relative::Relative;
use super::remove::remove_entry;
use super::walk::Walk;

impl Copier<'_> {
    /// Whether an earlier attempt copied the whole file, synced it, and it has not changed since.
    pub(super) fn is_safe(&self, path: &Relative, seen: &Meta) -> Result<bool, Problem> {
        let Some(cursor) = &self.resume else {
            return Ok(false);
        };
        let covered = *path < cursor.path || *path == cursor.path && seen.len <= cursor.offset;
        Ok(covered
            && self
                .target
                .meta(path)?
                .is_some_and(|copy| copy.looks_like(seen)))
    }

    /// The offset from which the file at `path` goes on; zero when nothing of it can be trusted.
    pub(super) fn start_of(&self, path: &Relative, source: &Meta) -> Result<u64, Problem> {
        let Some(cursor) = self.resume.as_ref().filter(|cursor| cursor.path == *path) else {
            return Ok(0);
        };
        let unchanged = source.mtime == cursor.mtime && source.len >= cursor.offset;
        let there = self
            .target
            .meta(path)?
            .is_some_and(|copy| copy.kind == Kind::File && copy.len >= cursor.offset);
        Ok(if unchanged && there { cursor.offset } else { 0 })
    }

    /// Removes what an earlier attempt copied and the source no longer has.
    pub(super) fn prune(&self, path: &Relative, walk: &Walk<'_>) -> Result<(), Problem> {
        let wanted = walk.names();
        for name in self.target.names(path)? {
            if wanted.binary_search(&name).is_err() {
                remove_entry(self.target, &path.child(&name))?;
            }
        }
        Ok(())
    }
}
