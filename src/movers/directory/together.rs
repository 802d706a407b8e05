//! Where a sync of a whole file system is as good as one of each file in it.

use std::os::fd::AsFd;

/// Whether `syncfs` on this file system makes all that was written to it last, and tells when it
/// could not.
///
/// It is known of ext4, XFS and btrfs, since Linux 5.17: older ones keep an error of the file system
/// itself to themselves, those before 5.8 also one of the data. A file system behind FUSE is not
/// asked at all to sync, and of the rest we do not know.
#[cfg(target_os = "linux")]
pub(super) fn is_enough(directory: impl AsFd) -> bool {
    let release = rustix::system::uname();
    let tells_errors = version(release.release().to_bytes()).is_some_and(|at| at >= (5, 17));
    tells_errors && rustix::fs::fstatfs(directory).is_ok_and(|stat| KNOWN.contains(&stat.f_type))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_enough(_: impl AsFd) -> bool {
    false
}

/// Asks for that sync.
#[cfg(target_os = "linux")]
pub(super) fn sync(directory: impl AsFd) -> Result<(), rustix::io::Errno> {
    rustix::fs::syncfs(directory)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync(_: impl AsFd) -> Result<(), rustix::io::Errno> {
    Err(rustix::io::Errno::NOSYS)
}

/// ext4 (also ext2 and ext3), XFS, btrfs; from `linux/magic.h`.
#[cfg(target_os = "linux")]
const KNOWN: [rustix::fs::FsWord; 3] = [0xef53, 0x5846_5342, 0x9123_683e];

/// Major and minor of a release such as `6.1.0-13-amd64`.
#[cfg(target_os = "linux")]
fn version(release: &[u8]) -> Option<(u32, u32)> {
    let mut parts = std::str::from_utf8(release)
        .ok()?
        .split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::version;

    #[test]
    fn releases_of_linux_are_read() {
        assert_eq!(version(b"6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(version(b"5.17"), Some((5, 17)));
        assert_eq!(version(b"5.4.0+"), Some((5, 4)));
        assert_eq!(version(b"10.0-rc1"), Some((10, 0)));
        for odd in [&b""[..], b"6", b"x.y", b"\xff.1", b"99999999999.1"] {
            assert_eq!(version(odd), None);
        }
    }
}
