//! The removal of a tree.

use std::fs::Permissions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::error::Problem;
use super::meta::{Kind, Meta};
use super::relative::Relative;
use super::tree::Tree;
use super::walk::{Step, Walk};

/// What the owner of a folder needs to read it and to change what is in it.
pub(super) const OWNER_ALL: u32 = 0o700;

/// Removes `tree` if it is there. A crash leaves a part of it; called again, it removes the rest.
pub(super) fn remove(tree: &Tree) -> Result<(), Problem> {
    let mut walk = Walk::unlocking(tree);
    while let Some(visit) = walk.next()? {
        match visit.step {
            Step::Enter => {}
            Step::Leaf => unlink(tree, &visit.path, AtFlags::empty())?,
            Step::Leave => {
                unlink(tree, &visit.path, AtFlags::REMOVEDIR)?;
                tree.forget();
            }
        }
    }
    Ok(())
}

/// Removes whatever is at `at` inside `tree`.
pub(super) fn remove_entry(tree: &Tree, at: &Relative) -> Result<(), Problem> {
    match tree.meta(at)? {
        None => Ok(()),
        Some(meta) if meta.kind != Kind::Folder => unlink(tree, at, AtFlags::empty()),
        Some(_) => {
            let (folder, name) = tree.holder(at)?;
            let path = tree.path(at);
            let parent = path.parent().unwrap_or(&path);
            remove(&Tree::new(folder, parent, name))?;
            tree.forget();
            Ok(())
        }
    }
}

fn unlink(tree: &Tree, at: &Relative, flags: AtFlags) -> Result<(), Problem> {
    let (folder, name) = tree.holder(at)?;
    match rustix::fs::unlinkat(&*folder, &name, flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Problem::io("remove", || tree.path(at))(error)),
    }
}

/// Gives ourselves access to a folder of ours. `chmod` follows a symlink, so the change goes
/// through an open descriptor, one that can be had without any permission on the folder.
pub(super) fn unlock(tree: &Tree, at: &Relative, meta: &Meta) -> Result<(), Problem> {
    if meta.mode & OWNER_ALL == OWNER_ALL {
        return Ok(());
    }
    let (folder, name) = tree.holder(at)?;
    let flags = handle_flags() | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(&*folder, &name, flags, Mode::empty())
        .map_err(Problem::io("open the folder", || tree.path(at)))?;
    let permissions = Permissions::from_mode(meta.mode | OWNER_ALL);
    std::fs::set_permissions(format!("/proc/self/fd/{}", handle.as_raw_fd()), permissions)
        .or_else(|_| rustix::fs::fchmod(&handle, Mode::RWXU).map_err(std::io::Error::from))
        .map_err(Problem::io("get access to the folder", || tree.path(at)))
}

#[cfg(target_os = "linux")]
fn handle_flags() -> OFlags {
    OFlags::PATH
}

#[cfg(not(target_os = "linux"))]
fn handle_flags() -> OFlags {
    OFlags::RDONLY
}
