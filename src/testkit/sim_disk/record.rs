use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileNumber(pub(super) u64);

/// What was asked of the disk.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Bytes of a file.
    Write {
        file: FileNumber,
        offset: u64,
        data: Arc<[u8]>,
    },
    /// The length of a file.
    SetLen { file: FileNumber, len: u64 },
    /// Everything that was asked of a file is to be durable.
    SyncFile { file: FileNumber },
    /// A name for a file.
    Link { name: PathBuf, file: FileNumber },
    /// A name that goes.
    Unlink { name: PathBuf },
    /// The names in a folder are to be durable.
    SyncFolder { folder: PathBuf },
}

impl Change {
    /// Whether `sync` makes it durable.
    pub(super) fn is_settled_by(&self, sync: &Self) -> bool {
        match (self, sync) {
            (
                Self::Write { file, .. } | Self::SetLen { file, .. },
                Self::SyncFile { file: synced },
            ) => file == synced,
            (Self::Link { name, .. } | Self::Unlink { name }, Self::SyncFolder { folder }) => {
                folder_of(name) == folder
            }
            (
                Self::Write { .. }
                | Self::SetLen { .. }
                | Self::SyncFile { .. }
                | Self::Link { .. }
                | Self::Unlink { .. }
                | Self::SyncFolder { .. },
                _,
            ) => false,
        }
    }

    /// Whether it is a write that fits into the smallest sector.
    pub(super) fn is_small(&self) -> bool {
        match self {
            Self::Write { data, .. } => data.len() <= 512,
            Self::SetLen { .. }
            | Self::SyncFile { .. }
            | Self::Link { .. }
            | Self::Unlink { .. }
            | Self::SyncFolder { .. } => false,
        }
    }

    /// Whether it makes others durable, and is nothing by itself.
    pub(super) fn is_sync(&self) -> bool {
        match self {
            Self::SyncFile { .. } | Self::SyncFolder { .. } => true,
            Self::Write { .. } | Self::SetLen { .. } | Self::Link { .. } | Self::Unlink { .. } => {
                false
            }
        }
    }
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
