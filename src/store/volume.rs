//! The file system that a database is on: how much is free there, and the ballast.

use std::fmt;
use std::io;

/// What the store asks of the file system that a database is on.
pub(crate) trait Volume: fmt::Debug + Send + Sync {
    /// Bytes that we may still write there. `Unsupported` where nobody knows.
    fn free_bytes(&self) -> io::Result<u64>;

    /// How many bytes the ballast beside the database holds.
    fn ballast_bytes(&self) -> io::Result<u64> {
        Ok(0)
    }

    /// Makes the ballast so large that `bytes` are held. After a crash it is as it was, or so large.
    fn make_ballast(&self, bytes: u64) -> io::Result<()> {
        let _ = bytes;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes the ballast; false when there was none.
    fn remove_ballast(&self) -> io::Result<bool> {
        Ok(false)
    }
}

/// Where nobody knows how much is free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unmeasured;

impl Volume for Unmeasured {
    fn free_bytes(&self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
