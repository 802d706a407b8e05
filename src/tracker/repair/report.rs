use std::fmt;

use crate::tracker::check::Violation;

/// How a repair is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairOptions {
    /// Only says what would be done: nothing is written.
    pub dry_run: bool,
}

/// What happens to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// It was damaged: its bytes go to the table `set_aside`, and its place stays taken.
    SetAside {
        /// What was wrong with it.
        reason: String,
        /// How long its value is.
        value_bytes: u64,
    },
    /// It was missing in an index, and is written.
    Added,
    /// It was wrong or damaged, in an index, and is written again.
    Replaced,
    /// Nothing stood behind it, in an index, and it is taken out.
    Removed,
}

impl Repair {
    /// The name: `set-aside`, `added`, `replaced`, `removed`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SetAside { .. } => "set-aside",
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
        }
    }
}

/// One change of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The name of the table.
    pub table: &'static str,
    /// The key, in hex.
    pub key: String,
    /// What happens to the row.
    pub repair: Repair,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, repair } = self;
        write!(f, "{}: table {table}, key {key}", repair.as_str())?;
        match repair {
            Repair::SetAside {
                reason,
                value_bytes,
            } => write!(f, ": {value_bytes} bytes, {reason}"),
            Repair::Added | Repair::Replaced | Repair::Removed => Ok(()),
        }
    }
}

/// What a repair did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What was changed, or would be.
    pub changes: Vec<Repaired>,
    /// What does not hold afterwards: it cannot be derived from anything, and is not guessed.
    pub left: Vec<Violation>,
    /// How many rows were looked at.
    pub rows: u64,
}

impl RepairReport {
    /// Whether everything holds afterwards.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.left.is_empty()
    }
}
