//! A rename that never overwrites.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::error::Problem;
use super::relative::Relative;
use super::tree::Tree;

/// Renames within `directory`; refused when something has the name already.
pub(super) fn no_replace(directory: &OwnedFd, from: &Tree, to: &Tree) -> Result<(), Problem> {
    match exclusive(directory, from, to) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST | Errno::NOTEMPTY) => Err(taken(to)),
        // The file system cannot do it in one step. Then look first: the executor moves a shard
        // only once at a time, so nobody of ours takes the name in between.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if to.exists()? {
                return Err(taken(to));
            }
            rustix::fs::renameat(directory, from.name(), directory, to.name())
                .map_err(Problem::io("rename", || from.path(&Relative::top())))
        }
        Err(error) => Err(Problem::io("rename", || from.path(&Relative::top()))(error)),
    }
}

/// The name is another's. We never overwrite.
pub(super) fn taken(tree: &Tree) -> Problem {
    let path = tree.path(&Relative::top());
    Problem::Refused(format!(
        "{path:?} is already there and does not belong to this migration; it is left as it is: \
         move it away or remove it"
    ))
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exclusive(directory: &OwnedFd, from: &Tree, to: &Tree) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, renameat_with};
    renameat_with(
        directory,
        from.name(),
        directory,
        to.name(),
        RenameFlags::NOREPLACE,
    )
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exclusive(_: &OwnedFd, _: &Tree, _: &Tree) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
