//! Where a copy stands: the bytes of a checkpoint.

use super::meta::Mtime;
use super::relative::Relative;
use crate::schema::text::Checkpoint;

/// The version of the encoding. Another one is not read: the copy starts over.
const VERSION: u8 = 1;

/// Everything before `path` in the order of the walk is synced at the destination, and of the file
/// at `path` the first `offset` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) path: Relative,
    pub(super) offset: u64,
    /// The file at `path` as it was: if it has changed since, `offset` says nothing.
    pub(super) mtime: Mtime,
    /// Files that are complete, for people who read a checkpoint.
    pub(super) files_done: u64,
}

impl Cursor {
    /// Version, files done, offset, seconds, nanoseconds, path; numbers little-endian. `None`: the
    /// path is too long for a checkpoint.
    pub(super) fn encode(&self) -> Option<Checkpoint> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.files_done.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.mtime.seconds.to_le_bytes());
        bytes.extend_from_slice(&self.mtime.nanoseconds.to_le_bytes());
        bytes.extend_from_slice(self.path.as_bytes());
        Checkpoint::new(bytes).ok()
    }

    /// `None`: not ours, or of another version. The way on is then to start over.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (files_done, bytes) = bytes.split_first_chunk()?;
        let (offset, bytes) = bytes.split_first_chunk()?;
        let (seconds, bytes) = bytes.split_first_chunk()?;
        let (nanoseconds, path) = bytes.split_first_chunk()?;
        Some(Self {
            path: Relative::parse(path)?,
            offset: u64::from_le_bytes(*offset),
            mtime: Mtime {
                seconds: i64::from_le_bytes(*seconds),
                nanoseconds: u32::from_le_bytes(*nanoseconds),
            },
            files_done: u64::from_le_bytes(*files_done),
        })
    }
}
