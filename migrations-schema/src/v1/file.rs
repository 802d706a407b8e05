use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
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
    /// Which version of the library created it; at most [`Self::CREATED_BY_BYTES_MAX`] bytes.
    pub created_by: String,
}

impl FileMeta {
    /// The longest name of a version.
    pub const CREATED_BY_BYTES_MAX: usize = 128;
}

impl Record for FileMeta {
    type Key = MetaKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &MetaKey) -> Result<(), Rule> {
        rule(self.format >= 1, "the first format is 1")?;
        rule(
            self.created_by.len() <= Self::CREATED_BY_BYTES_MAX,
            "created_by has at most 128 bytes",
        )
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

/// A part of a row that could not be decoded and was taken out of its table. The parts together
/// hold the whole value; each but the last has [`Self::VALUE_BYTES_MAX`] bytes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideRow {
    /// This part of the value, as it stood.
    #[serde(with = "crate::hex")]
    pub value: Vec<u8>,
    /// How long the whole value was.
    pub value_bytes: u64,
    /// Why it could not be decoded.
    pub reason: Reason,
    /// When it was set aside.
    pub at_ms: TimestampMs,
}

impl SetAsideRow {
    /// Most bytes of a value in one part: more than any row of another table has.
    pub const VALUE_BYTES_MAX: u64 = 48 * 1024;

    /// How many parts hold a value of this length; an empty one has a part too.
    #[must_use]
    pub fn parts(value_bytes: u64) -> u64 {
        value_bytes.div_ceil(Self::VALUE_BYTES_MAX).max(1)
    }
}

impl Record for SetAsideRow {
    type Key = RowKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, key: &RowKey) -> Result<(), Rule> {
        let part = u64::from(key.part);
        rule(
            part < Self::parts(self.value_bytes),
            "a value has as many parts as it needs",
        )?;
        let before = part.saturating_mul(Self::VALUE_BYTES_MAX);
        let of_this = self.value_bytes.saturating_sub(before);
        rule(
            u64::try_from(self.value.len()) == Ok(of_this.min(Self::VALUE_BYTES_MAX)),
            "a part has 48 KiB of the value, or the rest of it",
        )
    }
}
