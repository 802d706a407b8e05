//! What an entry is, without its contents.

use rustix::fs::{FileType, Stat};

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A socket, a pipe or a device: nothing that can be copied.
    Other,
}

/// When the contents were last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mtime {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// An entry as `lstat` sees it.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) kind: Kind,
    /// The permission bits, with set-user-id, set-group-id and sticky.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Mtime,
    pub(super) len: u64,
    /// Bytes that take space on the disk; less than `len` when the file has holes.
    pub(super) allocated: u64,
    /// The file system and the number in it: the same pair is the same entry.
    pub(super) identity: (u64, u64),
}

/// The unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

impl From<&Stat> for Meta {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_fallible_conversions,
        clippy::unnecessary_cast,
        reason = "the fields of `Stat` have other types on other platforms"
    )]
    fn from(stat: &Stat) -> Self {
        let raw_mode = u32::from(stat.st_mode);
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Kind::Other,
        };
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        Self {
            kind,
            mode: raw_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: Mtime {
                seconds: i64::from(stat.st_mtime),
                nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            },
            len: u64::try_from(stat.st_size).unwrap_or(0),
            allocated: blocks.saturating_mul(BLOCK_BYTES),
            identity: (
                u64::try_from(stat.st_dev).unwrap_or(0),
                u64::from(stat.st_ino),
            ),
        }
    }
}

impl Meta {
    /// Whether the file has holes.
    pub(super) fn is_sparse(&self) -> bool {
        self.allocated < self.len
    }

    /// The bytes that count for the progress.
    pub(super) fn bytes(&self) -> u64 {
        match self.kind {
            Kind::File => self.len,
            Kind::Folder | Kind::Link | Kind::Other => 0,
        }
    }

    /// Whether a file that was synced as a copy of `source` still looks like it.
    pub(super) fn looks_like(&self, source: &Self) -> bool {
        self.kind == source.kind
            && self.len == source.len
            && self.mtime == source.mtime
            && self.mode == source.mode
    }
}
