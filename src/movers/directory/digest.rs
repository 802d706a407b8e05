//! The digest of a tree: BLAKE3 over a stream that is the same for the same tree, wherever it lies.
//! The stream is described in the public module above; its name is [`ALGORITHM`](super::ALGORITHM).

use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use super::ahead::{Ahead, Entry, WHOLE_BYTES_MAX};
use super::contents::{Buffer, Contents};
use super::copy_file::as_u64;
use super::error::Problem;
use super::meta::{Kind, Meta};
use super::read_ahead::{LONG_BYTES, ReadAhead};
use super::relative::Relative;
use super::segments::{is_zero, next_data};
use super::sink::Sink;
use super::tree::Tree;
use crate::schema::text::Digest;
use crate::schema::v1::Side;

const HEADER: &[u8] = b"shardferry tree 1\n";
/// The unit in which zeros are left out.
const BLOCK_BYTES: u64 = 64 * 1024;
/// What is read at once: a multiple of the block.
const CHUNK_BYTES: usize = 512 * 1024;

/// Told how many bytes of the shard were read or skipped since the last call.
pub(super) type Report<'r> = dyn FnMut(u64) -> Result<(), Problem> + 'r;

/// Whether a copy is read from the disk even though the page cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it comes.
    Cached,
    /// What was written and synced: the cache is asked to forget it first, and long files are read
    /// past it.
    FromDisk,
}

/// Reads `tree` and says what is there. `None`: nothing is.
pub(super) fn digest(
    tree: &Tree,
    reading: Reading,
    report: &mut Report<'_>,
) -> Result<Option<Side>, Problem> {
    let mut stream = Stream {
        tree,
        reading,
        report,
        hasher: Sink::new(),
        buffer: Buffer::new(CHUNK_BYTES),
        items: 0,
        bytes: 0,
    };
    stream.hasher.update(HEADER);
    let mut walk = Ahead::new(tree, reading);
    while let Some(entry) = walk.next()? {
        stream.entry(&entry)?;
    }
    stream.finish()
}

/// The blocks of a file from the offset `at` on, which is one of a block.
fn hash_blocks(hasher: &mut Sink, at: u64, bytes: &[u8]) {
    let step = usize::try_from(BLOCK_BYTES).unwrap_or(CHUNK_BYTES);
    let mut offset = at;
    for block in bytes.chunks(step) {
        if !is_zero(block) {
            hasher.update(&offset.to_le_bytes());
            hasher.update(block);
        }
        offset = offset.saturating_add(as_u64(block.len()));
    }
}

struct Stream<'a, 'r> {
    tree: &'a Tree,
    reading: Reading,
    report: &'a mut Report<'r>,
    hasher: Sink,
    buffer: Buffer,
    items: u64,
    bytes: u64,
}

impl Stream<'_, '_> {
    fn entry(&mut self, entry: &Entry) -> Result<(), Problem> {
        let (path, meta) = (&entry.visit.path, &entry.visit.meta);
        self.items = self.items.saturating_add(1);
        if let Some((file, meta)) = &entry.file {
            return self.file(path, file, meta);
        }
        match meta.kind {
            Kind::Folder => {
                self.begin(b"D", path);
                self.hasher.update(&meta.mode.to_le_bytes());
            }
            Kind::Link => {
                let target = self.tree.link_target(path)?;
                self.begin(b"L", path);
                self.text(target.as_bytes());
            }
            // The file of an entry is open.
            Kind::Other | Kind::File => self.begin(b"O", path),
        }
        Ok(())
    }

    fn begin(&mut self, kind: &[u8; 1], path: &Relative) {
        self.hasher.update(kind);
        self.text(path.as_bytes());
    }

    fn text(&mut self, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.hasher.update(&len.to_le_bytes());
        self.hasher.update(bytes);
    }

    fn file(&mut self, path: &Relative, file: &File, meta: &Meta) -> Result<(), Problem> {
        self.begin(b"F", path);
        self.hasher.update(&meta.mode.to_le_bytes());
        self.hasher.update(&meta.mtime.seconds.to_le_bytes());
        self.hasher.update(&meta.mtime.nanoseconds.to_le_bytes());
        self.hasher.update(&meta.len.to_le_bytes());
        let end = self.contents(path, file, meta)?;
        self.hasher.update(&end.to_le_bytes());
        self.hasher.update(b"E");
        self.bytes = self.bytes.saturating_add(meta.len);
        Ok(())
    }

    /// The offset at which reading ended.
    fn contents(&mut self, path: &Relative, file: &File, meta: &Meta) -> Result<u64, Problem> {
        let len = meta.len;
        let is_long = len >= LONG_BYTES && !meta.is_sparse();
        if self.reading == Reading::FromDisk && is_long {
            return std::thread::scope(|scope| match ReadAhead::new(scope, file, len) {
                Ok(pieces) => self.pieces(path, &pieces),
                // No thread to be had.
                Err(_) => self.chunks(path, file, meta),
            });
        }
        self.chunks(path, file, meta)
    }

    fn pieces(&mut self, path: &Relative, pieces: &ReadAhead) -> Result<u64, Problem> {
        let mut at = 0;
        loop {
            let count = pieces
                .next(|piece| hash_blocks(&mut self.hasher, at, piece))
                .map_err(Problem::io("read", || self.tree.path(path)))?;
            if count == 0 {
                return Ok(at);
            }
            at = at.saturating_add(as_u64(count));
            (self.report)(as_u64(count))?;
        }
    }

    fn chunks(&mut self, path: &Relative, file: &File, meta: &Meta) -> Result<u64, Problem> {
        let len = meta.len;
        let mut reader = match self.reading {
            // A short one was asked for already, and is on its way into the cache.
            Reading::FromDisk if len > WHOLE_BYTES_MAX => Contents::from_disk(file),
            Reading::FromDisk | Reading::Cached => Contents::cached(file),
        };
        let mut at = 0;
        while at < len {
            if meta.is_sparse() {
                // From the block in which the data begins: offsets stay multiples of the block.
                let data = next_data(file, at, len);
                let start = match data.start {
                    start if start == len => len,
                    start => start - start % BLOCK_BYTES,
                };
                (self.report)(start.saturating_sub(at))?;
                at = start.max(at);
                if at == len {
                    break;
                }
            }
            let count = self.chunk(path, &mut reader, at, len)?;
            if count == 0 {
                break;
            }
            at = at.saturating_add(count);
            (self.report)(count)?;
        }
        Ok(at)
    }

    fn chunk(
        &mut self,
        path: &Relative,
        reader: &mut Contents<'_>,
        at: u64,
        len: u64,
    ) -> Result<u64, Problem> {
        let count = reader
            .read(&mut self.buffer, at, len.saturating_sub(at))
            .map_err(Problem::io("read", || self.tree.path(path)))?;
        hash_blocks(&mut self.hasher, at, self.buffer.filled(count));
        Ok(as_u64(count))
    }

    fn finish(mut self) -> Result<Option<Side>, Problem> {
        if self.items == 0 {
            return Ok(None);
        }
        self.hasher.update(b"Z");
        self.hasher.update(&self.items.to_le_bytes());
        self.hasher.update(&self.bytes.to_le_bytes());
        let digest = Digest::new(self.hasher.finalize().as_bytes().to_vec())
            .map_err(|error| Problem::NotNow(error.to_string()))?;
        Ok(Some(Side {
            items: self.items,
            bytes: self.bytes,
            digest,
        }))
    }
}
