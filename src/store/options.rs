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
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Standard,
            cache_bytes: 64 * 1024 * 1024,
            integrity_check: true,
            ballast_bytes: 0,
        }
    }
}
