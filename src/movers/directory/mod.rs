//! Moves shards that are files or folders from one directory to another.
//!
//! A node is a directory (a disk, a mount): the address of the node is its path. A shard is the
//! entry of that directory with the shard's name, or with its id in decimal when it has no name: a
//! file, a folder with all that is in it, or a symlink.
//!
//! ```text
//! copy                 to/.shardferry-<migration>.part
//! verify               both sides, BLAKE3
//! activate             to/.shardferry-<migration>.part      -> to/<shard>
//! release_source       from/<shard>                         -> from/.shardferry-<migration>.released, removed
//! discard_destination  to/.shardferry-<migration>.part         removed
//! ```
//!
//! **Kept**: regular files, folders, symlinks (as links, never followed), names in any encoding,
//! permissions, modification times, holes of sparse files; the owner when we may give files away
//! (as root). **Not kept**: hard links (each name becomes a file), extended attributes and ACLs,
//! access times. Sockets, pipes and devices are refused. The destination's file system has to keep
//! permissions and times in nanoseconds, or the verification says that the copy differs.
//!
//! **Still data**: nothing stops a program from writing to the source during the move. What it
//! writes before the verification reads it is caught by that; stop the writer for the move.
//!
//! # What is synced when, and what the verification reads
//!
//! A checkpoint is reported when all that it covers is on the disk, and the copy ends with such a
//! one: before the verification, and so before the cutover, everything is synced. In a large file
//! that is every 64 MiB; small files go in batches. Up to 16 files and folders of a batch are
//! synced one by one (`fsync`). More are synced by one `syncfs` of the destination's file system
//! where that is ext4, XFS or btrfs, on Linux 5.17 or later, because there it tells every error that a
//! sync of each would tell. It writes other people's data on that file system too, and fails when
//! any of that could not be written: the attempt is then made again, from its checkpoint. Elsewhere
//! each file and each folder is synced.
//!
//! The verification reads both sides anew, each in a thread of its own. Of the **copy** it asks the
//! page cache to forget each file first (`POSIX_FADV_DONTNEED`; it is synced, so it can), and reads
//! files above 128 KiB past the cache (`O_DIRECT`), where the file system can do that; from 8 MiB on, where
//! there are no holes, another thread reads ahead. Limits: to forget
//! is a request, which the kernel does not follow for pages that somebody has mapped; folders, permissions
//! and times come from the caches of the kernel; a disk, a controller or a server has caches of
//! its own; on other systems than Linux the copy is read as it comes. The **source** is read as it
//! comes: what a program that uses it would read.
//!
//! # The digest
//!
//! The evidence `blake3-tree-1` is BLAKE3 over a stream that is the same for the same tree, wherever
//! it lies.
//!
//! The stream begins with the line `shardferry tree 1\n`. Then, in the order of the walk (a folder
//! before its entries, the names of a folder sorted byte by byte), for each entry its kind as one
//! letter, the length of its relative path (`u32`) and the path (names joined by `/`; empty for the
//! shard itself), and:
//!
//! | kind | then |
//! |---|---|
//! | `D` folder | permission bits `u32` |
//! | `F` file | permission bits `u32`; modification time: seconds `i64`, nanoseconds `u32`; length `u64`; each block of 64 KiB (the last may be shorter) that is not all zeros as its offset `u64` and its bytes; then the offset at which reading ended, `u64` (the length, or less when the file was cut meanwhile), and `E` |
//! | `L` symlink | length of the target `u32`, the target |
//! | `O` other | nothing |
//!
//! It ends with `Z`, the number of entries `u64` and the sum of the lengths of the files `u64`. All
//! numbers are little-endian. Permission bits are the lower twelve of the mode. Zero blocks are left
//! out, so that the holes of a large sparse file need not be read. Owners, times of folders and
//! links, and how many names a file has (hard links) are not part of it.

// The steps, and where they take place.
mod mark;
mod names;
mod node;
mod rename;
mod steps;

// The tree: how it is reached and in which order it is visited.
mod meta;
mod relative;
mod tree;
mod walk;

// The copy.
mod attributes;
mod batch;
mod copy;
mod copy_file;
mod cursor;
mod examine;
mod meter;
mod resume;
mod segments;
mod together;

// The proof, the removal, and the scan of a node.
mod ahead;
mod contents;
mod digest;
mod measure;
mod read_ahead;
mod remove;
mod scan;
mod sink;
mod verify;

mod advice;
mod error;

#[cfg(test)]
mod tests;

pub use mark::{MARK_NAME, is_marked, mark, unmark};
pub use names::{is_temporary_name, temporary_owner};
pub use scan::{ScanError, ScannedShard, scan};

use crate::executor::{Endpoint, Job, MoverError, Proof, Reporter, ShardMover};
use crate::schema::text::Algorithm;
use crate::schema::v1::SavedCheckpoint;

/// The name of the digest in a [`Proof`]. Another stream needs another name.
const ALGORITHM: &str = "blake3-tree-1";

/// Moves shards that are files or folders between nodes that are directories. See the
/// [module](self) for what is kept and what is not.
///
/// Every step may be called again after a crash. A crash leaves, besides the shard itself, at most
/// one entry with a [temporary name](is_temporary_name) in each of the two directories; finishing
/// or discarding the migration removes it.
///
/// ```
/// use shardferry::movers::DirectoryMover;
///
/// let mover = DirectoryMover::new();
/// ```
#[derive(Clone, Debug, Default)]
pub struct DirectoryMover {
    tuning: Tuning,
    marks_required: bool,
}

impl DirectoryMover {
    /// A mover. It holds nothing, and one serves any number of moves at the same time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A mover that works only in directories that are [marked](mark) as those of their nodes. A
    /// disk that is not mounted is then no empty directory, but one to wait for: nothing is copied
    /// onto its mount point, and no copy on it is taken for removed.
    #[must_use]
    pub fn requiring_marks() -> Self {
        Self {
            marks_required: true,
            ..Self::default()
        }
    }

    fn check_marks(&self, ends: &[&Endpoint]) -> Result<(), MoverError> {
        if self.marks_required {
            for end in ends {
                mark::require(end)?;
            }
        }
        Ok(())
    }
}

/// How much is done between two looks at the reporter, and between two checkpoints.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    /// Read and written at once. Large enough for a disk, small enough for a byte limit.
    chunk_bytes: usize,
    /// Written to one file between two checkpoints.
    sync_bytes: u64,
    /// Files that wait for a sync of each, all open: of the usual 1024 descriptors of a process,
    /// several moves at a time have to take no more than a part.
    batch_files: usize,
    /// Folders that wait for a sync of each.
    batch_folders: usize,
    /// Bytes in files that wait for a sync.
    batch_bytes: u64,
    /// So many files, and so many folders, are synced one by one even where all could be synced
    /// together: other people's data on the file system is no business of a few files.
    one_by_one_max: usize,
    /// Files, and folders, that wait for a sync of all together.
    together_max: usize,
    /// Whenever so much of a file was written, the disk begins with it, so that the sync that comes
    /// has little left to wait for; files that are smaller are faster side by side.
    begin_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            chunk_bytes: 1024 * 1024,
            sync_bytes: 64 * 1024 * 1024,
            batch_files: 64,
            batch_folders: 256,
            batch_bytes: 32 * 1024 * 1024,
            one_by_one_max: 16,
            together_max: 4096,
            begin_bytes: 2 * 1024 * 1024,
        }
    }
}

impl ShardMover for DirectoryMover {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        self.check_marks(&[&job.from, &job.to])?;
        Ok(steps::copy(job, checkpoint, reporter, self.tuning)?)
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        self.check_marks(&[&job.from, &job.to])?;
        let (source, destination) = steps::verify(job, reporter)?;
        let algorithm =
            Algorithm::new(ALGORITHM).map_err(|error| MoverError::permanent(error.to_string()))?;
        Ok(Proof {
            algorithm,
            source,
            destination,
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.check_marks(&[&job.to])?;
        Ok(steps::activate(job)?)
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.check_marks(&[&job.from, &job.to])?;
        Ok(steps::release_source(job)?)
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.check_marks(&[&job.to])?;
        Ok(steps::discard_destination(job)?)
    }
}
