//! Owner, permissions and times of a copy.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Gid, Mode, RawMode, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::error::Problem;
use super::meta::{Kind, Meta, Mtime};
use super::relative::Relative;
use super::tree::Tree;

const SET_USER_ID: u32 = 0o4000;
const SET_GROUP_ID: u32 = 0o2000;

/// Gives the open file or folder at `at` the owner, permissions and time of `source`.
///
/// The owner as far as we may: only root can give files away. A program that runs as its owner
/// must not come to run as another, so a file with such a bit and another owner is refused.
/// The owner goes first, because a change of it clears these bits, and the time last.
pub(super) fn apply(
    file: impl AsFd,
    source: &Meta,
    tree: &Tree,
    at: &Relative,
) -> Result<(), Problem> {
    let path = || tree.path(at);
    let (uid, gid) = (Uid::from_raw(source.uid), Gid::from_raw(source.gid));
    let stat = rustix::fs::fstat(&file).map_err(Problem::io("look at", path))?;
    let copy = Meta::from(&stat);
    if (copy.uid, copy.gid) != (source.uid, source.gid)
        && rustix::fs::fchown(&file, Some(uid), Some(gid)).is_err()
    {
        let group_kept = rustix::fs::fchown(&file, None, Some(gid)).is_ok();
        let user_kept = copy.uid == source.uid;
        let runs_as = |bit: u32| source.kind == Kind::File && source.mode & bit != 0;
        if runs_as(SET_USER_ID) && !user_kept || runs_as(SET_GROUP_ID) && !group_kept {
            let path = path();
            return Err(Problem::Refused(format!(
                "{path:?} runs as its owner or group (set-user-id, set-group-id), which cannot be \
                 kept; run as root, or clear the bit at the source"
            )));
        }
    }
    rustix::fs::fchmod(&file, mode(source.mode))
        .map_err(Problem::io("set the permissions of", path))?;
    rustix::fs::futimens(&file, &times(source.mtime)).map_err(Problem::io("set the time of", path))
}

/// As [`apply`], for a symlink: its permissions mean nothing, its owner and time are kept if the
/// file system keeps them.
pub(super) fn apply_to_link(source: &Meta, tree: &Tree, at: &Relative) -> Result<(), Problem> {
    let (folder, name) = tree.holder(at)?;
    let (uid, gid) = (Uid::from_raw(source.uid), Gid::from_raw(source.gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    // As for files: the owner is kept where we may.
    let _ = rustix::fs::chownat(&*folder, &name, Some(uid), Some(gid), flags);
    match rustix::fs::utimensat(&*folder, &name, &times(source.mtime), flags) {
        Ok(()) | Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => Ok(()),
        Err(error) => Err(Problem::io("set the time of", || tree.path(at))(error)),
    }
}

#[allow(
    clippy::unnecessary_fallible_conversions,
    reason = "`RawMode` has another width on other platforms"
)]
fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(RawMode::try_from(bits).unwrap_or(0))
}

fn times(mtime: Mtime) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: mtime.seconds,
            tv_nsec: mtime.nanoseconds.into(),
        },
    }
}
