use serde::{Deserialize, Serialize};

use super::{Rule, VERSION};
use crate::codec::Record;
use crate::id::{EventSeq, FileId, TimestampMs};
use crate::key::{MetaKey, RetentionKey, RowKey};
use crate::text::Reason;

/// What the file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    /// The format of the file ([`crate::FORMAT`] when this library wrote it).
    pub format: u32,
    /// The identity of the file, given at its creation.
    pub file: FileId,
    /// When the file was created.
    pub created_at_ms: TimestampMs,
    /// Which version of the library created it.
    pub created_by: String,
}

impl Record for FileMeta {
    type Key = MetaKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &MetaKey) -> Result<(), Rule> {
        Ok(())
    }
}

/// How far the history has been pruned. Events after `through` have no gap; at or before it, only
/// those of migrations that are still kept remain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// The last event that retention removed.
    pub through: EventSeq,
    /// How many migrations retention removed since the file was created.
    pub migrations: u64,
}

impl Record for Pruned {
    type Key = RetentionKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &RetentionKey) -> Result<(), Rule> {
        Ok(())
    }
}

/// A row that could not be decoded and was taken out of its table, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideRow {
    /// The value, as it stood.
    pub value: Vec<u8>,
    /// Why it could not be decoded.
    pub reason: Reason,
    /// When it was set aside.
    pub at_ms: TimestampMs,
}

impl Record for SetAsideRow {
    type Key = RowKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &RowKey) -> Result<(), Rule> {
        Ok(())
    }
}
