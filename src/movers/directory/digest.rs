//! The digest of a tree: BLAKE3 over a stream that is the same for the same tree, wherever it lies.
//! The stream is described in the public module above; its name is [`ALGORITHM`](super::ALGORITHM).

use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::OFlags;

use super::advice;
use super::copy_file::{as_u64, read_at};
use super::error::Problem;
use super::meta::{Kind, Meta};
use super::relative::Relative;
use super::segments::{is_zero, next_data};
use super::tree::Tree;
use super::walk::{Step, Walk};
use crate::schema::text::Digest;
use crate::schema::v1::Side;

const HEADER: &[u8] = b"shardferry tree 1\n";
/// The unit in which zeros are left out.
const BLOCK_BYTES: u64 = 64 * 1024;
/// What is read at once: a multiple of the block.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Told how many bytes of the shard were read or skipped since the last call.
pub(super) type Report<'r> = dyn FnMut(u64) -> Result<(), Problem> + 'r;

/// Whether a copy is read from the disk even though the page cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it comes.
    Cached,
    /// What was written and synced: the cache is asked to forget it first.
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
        hasher: blake3::Hasher::new(),
        buffer: vec![0; CHUNK_BYTES],
        items: 0,
        bytes: 0,
    };
    stream.hasher.update(HEADER);
    let mut walk = Walk::new(tree);
    while let Some(visit) = walk.next()? {
        if visit.step != Step::Leave {
            stream.entry(&visit.path, &visit.meta)?;
        }
    }
    stream.finish()
}

struct Stream<'a, 'r> {
    tree: &'a Tree,
    reading: Reading,
    report: &'a mut Report<'r>,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    items: u64,
    bytes: u64,
}

impl Stream<'_, '_> {
    fn entry(&mut self, path: &Relative, meta: &Meta) -> Result<(), Problem> {
        self.items = self.items.saturating_add(1);
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
            Kind::Other => self.begin(b"O", path),
            Kind::File => self.file(path)?,
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

    fn file(&mut self, path: &Relative) -> Result<(), Problem> {
        let (file, meta) = self.tree.open_file(path, OFlags::RDONLY)?;
        if self.reading == Reading::FromDisk {
            advice::will_not_be_read(&file);
        }
        advice::will_be_read_in_order(&file);
        self.begin(b"F", path);
        self.hasher.update(&meta.mode.to_le_bytes());
        self.hasher.update(&meta.mtime.seconds.to_le_bytes());
        self.hasher.update(&meta.mtime.nanoseconds.to_le_bytes());
        self.hasher.update(&meta.len.to_le_bytes());
        let end = self.contents(path, &file, &meta)?;
        self.hasher.update(&end.to_le_bytes());
        self.hasher.update(b"E");
        self.bytes = self.bytes.saturating_add(meta.len);
        Ok(())
    }

    /// The offset at which reading ended.
    fn contents(&mut self, path: &Relative, file: &File, meta: &Meta) -> Result<u64, Problem> {
        let len = meta.len;
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
            let count = self.chunk(path, file, at, len)?;
            if count == 0 {
                break;
            }
            at = at.saturating_add(count);
            (self.report)(count)?;
        }
        Ok(at)
    }

    fn chunk(&mut self, path: &Relative, file: &File, at: u64, len: u64) -> Result<u64, Problem> {
        let left = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
        let want = left.min(self.buffer.len());
        let buffer = self.buffer.get_mut(..want).unwrap_or_default();
        let count =
            read_at(file, buffer, at).map_err(Problem::io("read", || self.tree.path(path)))?;
        let mut offset = at;
        let step = usize::try_from(BLOCK_BYTES).unwrap_or(CHUNK_BYTES);
        for block in buffer.get(..count).unwrap_or_default().chunks(step) {
            if !is_zero(block) {
                self.hasher.update(&offset.to_le_bytes());
                self.hasher.update(block);
            }
            offset = offset.saturating_add(as_u64(block.len()));
        }
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
