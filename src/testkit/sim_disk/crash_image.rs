use std::fmt;

use super::{Fate, SimDisk};

/// What a crash left.
#[derive(Clone, Debug)]
pub struct CrashImage {
    position: usize,
    fates: Vec<Fate>,
    within_len: bool,
    disk: SimDisk,
}

impl CrashImage {
    pub(super) fn new(position: usize, fates: Vec<Fate>, within_len: bool, disk: SimDisk) -> Self {
        Self {
            position,
            fates,
            within_len,
            disk,
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
