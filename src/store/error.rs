use std::fmt;
use std::io;
use std::path::PathBuf;

use super::health::is_disk_full;
use crate::schema::codec::{DecodeError, EncodeError};
use crate::schema::key::KeyError;
use crate::schema::table::TableId;

/// A cause from below the store.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The bytes of a key, shown in hex.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A row that could not be read and was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The name of its table.
    pub table: &'static str,
    /// Its key, in hex.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}, key {}: {}", self.table, self.key, self.reason)
    }
}

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row is damaged. It stays as it is until a repair sets it aside.
    #[error("table {table}, key {key}: the row is damaged; `check` describes it")]
    Row {
        /// The name of the table.
        table: &'static str,
        /// The key, in hex.
        key: String,
        /// What is wrong.
        source: DecodeError,
    },
    /// A row was damaged and is set aside. Its place is taken until an operator gives it up.
    #[error("table {table}, key {key}: the row was damaged and is set aside; `check` describes it")]
    SetAside {
        /// The name of the table.
        table: &'static str,
        /// The key, in hex.
        key: String,
    },
    /// A key is damaged.
    #[error("table {table}: a key is damaged; `check` describes it")]
    Key {
        /// The name of the table.
        table: &'static str,
        /// What is wrong.
        source: KeyError,
    },
    /// A record may not be stored.
    #[error("table {table}: the record cannot be stored")]
    Encode {
        /// The name of the table.
        table: &'static str,
        /// Why.
        source: EncodeError,
    },
    /// An index and its table contradict each other.
    #[error("table {table}, key {key}: {rule}; run `check`")]
    Inconsistent {
        /// The name of the table.
        table: &'static str,
        /// The key, in hex.
        key: String,
        /// What does not hold.
        rule: &'static str,
    },
    /// The file could not be read or written. Nothing of the operation was applied.
    #[error("{doing} failed; the operation was not applied, reopen the file")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: Cause,
    },
    /// The commit failed, and **may be durable all the same**: reopen the file and look.
    #[error("the commit failed and its outcome is unknown; reopen the file and read what it holds")]
    CommitUnknown {
        /// The cause.
        source: Cause,
    },
    /// An earlier operation failed below; this handle answers no more.
    #[error("this handle is closed after an earlier failure of the file; reopen it")]
    ReopenNeeded,
}

impl StoreError {
    /// The same, for somebody else who waited for the same commit.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::CommitUnknown { source } => Self::CommitUnknown {
                source: said_again(source.as_ref()),
            },
            Self::Storage { doing, source } => Self::Storage {
                doing,
                source: said_again(source.as_ref()),
            },
            Self::Encode { .. }
            | Self::Row { .. }
            | Self::SetAside { .. }
            | Self::Key { .. }
            | Self::Inconsistent { .. }
            | Self::ReopenNeeded => Self::ReopenNeeded,
        }
    }

    pub(super) fn storage(doing: &'static str, source: impl Into<redb::Error>) -> Self {
        Self::Storage {
            doing,
            source: Box::new(source.into()),
        }
    }

    pub(crate) fn row(table: TableId, key: &[u8], source: DecodeError) -> Self {
        Self::Row {
            table: table.name(),
            key: Hex(key.to_vec()).to_string(),
            source,
        }
    }

    pub(super) fn set_aside(table: TableId, key: &[u8]) -> Self {
        Self::SetAside {
            table: table.name(),
            key: Hex(key.to_vec()).to_string(),
        }
    }

    pub(crate) fn key(table: TableId, source: KeyError) -> Self {
        Self::Key {
            table: table.name(),
            source,
        }
    }

    pub(crate) fn inconsistent(table: TableId, key: &[u8], rule: &'static str) -> Self {
        Self::Inconsistent {
            table: table.name(),
            key: Hex(key.to_vec()).to_string(),
            rule,
        }
    }

    /// Whether a row is there and cannot be read, or was set aside because of that.
    #[must_use]
    pub fn is_unreadable_row(&self) -> bool {
        matches!(self, Self::Row { .. } | Self::SetAside { .. })
    }

    /// Whether it is about damaged rows, and the rest of the file can be worked with.
    #[must_use]
    pub fn is_about_one_row(&self) -> bool {
        match self {
            Self::Row { .. }
            | Self::SetAside { .. }
            | Self::Key { .. }
            | Self::Inconsistent { .. } => true,
            Self::Encode { .. }
            | Self::Storage { .. }
            | Self::CommitUnknown { .. }
            | Self::ReopenNeeded => false,
        }
    }

    /// Whether the handle that gave it answers nothing more: the file has to be opened again, and
    /// what it then holds is what happened.
    #[must_use]
    pub fn needs_reopen(&self) -> bool {
        match self {
            Self::Storage { .. } | Self::CommitUnknown { .. } | Self::ReopenNeeded => true,
            Self::Row { .. }
            | Self::SetAside { .. }
            | Self::Key { .. }
            | Self::Encode { .. }
            | Self::Inconsistent { .. } => false,
        }
    }

    /// Whether it is that no space is left on the file system of the file.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        is_disk_full(self)
    }

    /// The row that this error is about, when it is about one that can be passed over.
    pub(super) fn as_bad_row(&self, table: TableId, key: &[u8]) -> Option<BadRow> {
        let reason = match self {
            Self::Row { source, .. } => source.to_string(),
            Self::Key { source, .. } => source.to_string(),
            Self::SetAside { .. } => "it was set aside".to_owned(),
            Self::Encode { .. }
            | Self::Inconsistent { .. }
            | Self::Storage { .. }
            | Self::CommitUnknown { .. }
            | Self::ReopenNeeded => return None,
        };
        Some(BadRow {
            table: table.name(),
            key: Hex(key.to_vec()).to_string(),
            reason,
        })
    }
}

/// Why a file was not created or not opened. A file that was there is as it was.
///
/// One error comes after a new file has its name: [`Self::Io`] in `syncing the folder of`. The file is
/// there and whole, but a loss of power may still take its name. Open it, or remove it and try again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("{path} does not exist: create it first (`init`)")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("{path} exists already: open it, or choose another path")]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// A folder, a device, a link: not a file that could be trusted to stay in place.
    #[error("{path} is not a regular file: name the file itself")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file of another user: who owns a file can change what it says at any time, and may have
    /// put it there to be trusted. Root is refused as well.
    #[error(
        "{path} belongs to user {owner}, and this process runs as user {user}: run it as user \
         {owner}, or, if you trust what the file says, `chown {user}` it"
    )]
    NotOwner {
        /// The path.
        path: PathBuf,
        /// The user id of the owner.
        owner: u32,
        /// The effective user id of this process.
        user: u32,
    },
    /// Another process, or another handle in this one, has it open.
    #[error("{path} is in use: one process at a time can open it; stop the other one first")]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// Not a database of this library.
    #[error("{path} is not a shardferry database: {detail}")]
    NotADatabase {
        /// The path.
        path: PathBuf,
        /// What was found instead.
        detail: String,
    },
    /// Written by a newer version of this library.
    #[error("{path} has format {found}; this version knows formats up to {known}: use a newer one")]
    NewerFormat {
        /// The path.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format that is known.
        known: u32,
    },
    /// The file has an older format and could not be brought to the newest. It has one or the other,
    /// whole: opening it again goes on.
    #[error("{path} could not be upgraded from format {found} to {newest}: open it again")]
    Upgrade {
        /// The path.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format.
        newest: u32,
        /// The cause.
        source: StoreError,
    },
    /// The integrity check found damage.
    #[error("{path} is damaged ({detail}): restore it from a backup")]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Changes that were acknowledged are in the write-ahead log, and it is not beside the file as it was
    /// when that was last open: the file, or the log, was moved, replaced or damaged.
    #[error(
        "the write-ahead log {log} of {path} {detail}: put the two back as they were, or restore a \
         backup. `OpenOptions::abandon_wal` opens the file without what the log had"
    )]
    WriteAheadLog {
        /// The path.
        path: PathBuf,
        /// The path of the log.
        log: PathBuf,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The system refused.
    #[error("{doing} {path} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The rows that say what the file is could not be read or written.
    #[error("{path} cannot be used")]
    Store {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: StoreError,
    },
}

/// The words of a cause, and its kind where the operating system gave it one.
fn said_again(cause: &(dyn std::error::Error + 'static)) -> Cause {
    let kind = match cause.downcast_ref::<redb::Error>() {
        Some(redb::Error::Io(io)) => Some(io.kind()),
        Some(_) | None => cause.downcast_ref::<io::Error>().map(io::Error::kind),
    };
    match kind {
        Some(kind) => io::Error::new(kind, cause.to_string()).into(),
        None => cause.to_string().into(),
    }
}

impl OpenError {
    /// Whether it is that no space is left on the file system of the file.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        is_disk_full(self)
    }
}
