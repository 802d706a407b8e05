/// What each commit does so that a crash is survived, and what the next open has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// One fsync for each commit. After a crash the next open verifies the file and rebuilds what
    /// says which pages are free: about 0.6 ms for each MiB that is in the page cache.
    #[default]
    Standard,
    /// Two fsyncs for each commit: the data is on disk before the header names it. For files whose
    /// values come from strangers, who could otherwise forge a commit that a crash tore.
    Careful,
    /// Two fsyncs for each commit, which also stores which pages are free: after a crash the next
    /// open has nothing to rebuild, and without an integrity check takes milliseconds at any size.
    FastRestart,
    /// One fsync of one place for each commit: what it changes goes to a log beside the file (its name
    /// and `.wal`), and with all the others into the file when the log is full or the file is closed. Less
    /// to write for each commit, and a fast restart as well: after a crash the next open makes again what
    /// the log has. While the file is open, and after a crash, **the two files belong together**: whoever
    /// moves or copies one needs the other. A file that was closed needs none.
    WriteAhead,
}

/// How a file is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// What each commit does.
    pub durability: Durability,
    /// Bytes of the file that are kept in memory.
    pub cache_bytes: usize,
    /// Whether every open verifies every page: about 0.6 ms for each MiB that is in the page cache,
    /// whatever the durability. Without it, a file that somebody altered can give wrong data or end
    /// the process.
    pub integrity_check: bool,
    /// Bytes of a file beside the database (its name and `.ballast`) that is removed when the file
    /// system is full, so that what is under way can be recorded. It is made at open and at a
    /// begin, where there is room for it and as much besides. 0: none; one that is there stays.
    pub ballast_bytes: u64,
    /// Bytes of the log of [`Durability::WriteAhead`], at least 64 KiB and at most 256 MiB: the more, the
    /// less often a commit waits for the whole file, and the more an open after a crash has to make again.
    pub wal_bytes: u64,
    /// Opens a file whose write-ahead log is missing or damaged
    /// ([`OpenError::WriteAheadLog`](super::OpenError::WriteAheadLog)) as it was when the log last began
    /// anew. **What was acknowledged since then is lost.**
    pub abandon_wal: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Standard,
            cache_bytes: 64 * 1024 * 1024,
            integrity_check: true,
            ballast_bytes: 0,
            wal_bytes: 8 * 1024 * 1024,
            abandon_wal: false,
        }
    }
}
