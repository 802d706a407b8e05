use std::fmt;

use super::tree::Tree;
use super::{CrashPoint, Fate, SimDisk};

/// What a crash left.
#[derive(Clone, Debug)]
pub struct CrashImage {
    position: usize,
    fates: Vec<Fate>,
    within_len: bool,
    header_is_torn: bool,
    disk: SimDisk,
}

impl CrashImage {
    pub(super) fn new(point: &CrashPoint, fates: Vec<Fate>, within_len: bool, tree: Tree) -> Self {
        Self {
            position: point.position(),
            header_is_torn: point.is_header_torn(&fates),
            fates,
            within_len,
            disk: SimDisk::holding(tree),
        }
    }

    /// A disk that holds it, with everything durable and nothing recorded yet.
    #[must_use]
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// What became of each change that was not synced.
    #[must_use]
    pub fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// Whether a write to the first bytes of a file, which say where everything else is, is torn.
    #[must_use]
    pub fn is_header_torn(&self) -> bool {
        self.header_is_torn
    }
}

/// Where the power failed, and for each change that was not synced: `+` there, `-` lost,
/// `[512:+-]` torn.
impl fmt::Display for CrashImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash after change {}: ", self.position)?;
        for fate in &self.fates {
            write!(f, "{fate}")?;
        }
        if self.within_len {
            f.write_str(" (cut off at the length of the file)")?;
        }
        Ok(())
    }
}
