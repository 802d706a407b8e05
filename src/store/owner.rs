//! Whose file it is. The check is of the opened file, so that nothing can be swapped in between.

use std::fs::{Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::OpenError;

/// The bits of a mode that let group and others write.
const OTHERS_WRITE: u32 = 0o022;

/// An open that follows no symlink in the last place of the path, and that waits for nobody: a
/// pipe may be there by now.
pub(super) fn follow_nothing(options: &mut OpenOptions) {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed());
}

/// Refuses the file of another user, for every user.
///
/// A file that others may write too is only reported: a restored copy gets its mode from the umask
/// of whoever copied it, and where each user has a group of their own that is harmless.
pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(OpenError::NotOwner {
            path: path.to_owned(),
            owner,
            user,
        });
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        let path = path.display();
        tracing::warn!(%path, "the file can be written by others: `chmod go-w` it");
    }
    Ok(())
}
