//! A storage backend that writes nothing until it is told to.
//!
//! redb marks, repairs and commits a file while it opens it, before anybody can look at what the
//! file is. Behind this backend those writes wait in memory, in their order and with their syncs:
//! a file that turns out to be of a newer format, or not ours, is left byte for byte as it was;
//! for any other the writes are then made exactly as redb asked for them.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

/// Waiting writes are looked up in pieces of this size.
const CHUNK_BYTES: u64 = 4096;

/// A file behind a gate.
#[derive(Clone, Debug)]
pub(super) struct GuardedFile {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: Box<dyn StorageBackend>,
    held: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// What redb asked for, in its order.
#[derive(Debug)]
enum Asked {
    SetLen(u64),
    Write(u64, Vec<u8>),
    Sync,
}

/// The writes that wait, and what the file would look like after them.
#[derive(Debug, Default)]
struct Waiting {
    asked: Vec<Asked>,
    /// How long the file is; nothing changes that while its writes wait.
    file_len: u64,
    len: u64,
    chunks: BTreeMap<u64, Vec<u8>>,
}

impl GuardedFile {
    /// Holds back every write to `file`.
    pub(super) fn hold(file: Box<dyn StorageBackend>) -> io::Result<Self> {
        let len = file.len()?;
        Ok(Self::new(file, true, len))
    }

    /// Lets every write through: to a file that is ours because it is new.
    pub(super) fn through(file: Box<dyn StorageBackend>) -> Self {
        Self::new(file, false, 0)
    }

    fn new(file: Box<dyn StorageBackend>, held: bool, len: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                file,
                held: AtomicBool::new(held),
                waiting: Mutex::new(Waiting {
                    file_len: len,
                    len,
                    ..Waiting::default()
                }),
            }),
        }
    }

    /// Makes the writes that wait, in their order, and lets every further one through.
    pub(super) fn release(&self) -> io::Result<()> {
        let mut waiting = self.inner.waiting();
        for asked in std::mem::take(&mut waiting.asked) {
            match asked {
                Asked::SetLen(len) => self.inner.file.set_len(len)?,
                Asked::Write(offset, data) => self.inner.file.write(offset, &data)?,
                Asked::Sync => self.inner.file.sync_data()?,
            }
        }
        waiting.chunks.clear();
        self.inner.held.store(false, Ordering::Release);
        Ok(())
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> &dyn StorageBackend {
        self.file.as_ref()
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody wrote what waits, and nobody will. By hand: while another thread starts a program, the
        // end of the handle would not end its locks.
        if self.is_held() {
            let _ = self.file.close();
        }
    }
}

impl Waiting {
    /// The piece at `index` as it would be; from the file where nothing was written to it.
    fn chunk(&mut self, file: &dyn StorageBackend, index: u64) -> io::Result<&mut Vec<u8>> {
        match self.chunks.entry(index) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let mut chunk = vec![0; to_usize(CHUNK_BYTES)];
                read_file(file, self.file_len, index * CHUNK_BYTES, &mut chunk)?;
                Ok(entry.insert(chunk))
            }
        }
    }

    fn write(&mut self, file: &dyn StorageBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        for (index, within, piece) in pieces(offset, data.len()) {
            let source = data.get(piece).ok_or(io::ErrorKind::InvalidInput)?;
            let chunk = self.chunk(file, index)?;
            let target = chunk
                .get_mut(within..within + source.len())
                .ok_or(io::ErrorKind::InvalidInput)?;
            target.copy_from_slice(source);
        }
        self.len = self.len.max(offset + to_u64(data.len()));
        self.asked.push(Asked::Write(offset, data.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, file: &dyn StorageBackend, len: u64) -> io::Result<()> {
        if len < self.len {
            // What is cut off reads as zero when the file grows again.
            for (index, within, piece) in pieces(len, to_usize(self.len - len)) {
                let chunk = self.chunk(file, index)?;
                if let Some(target) = chunk.get_mut(within..within + piece.len()) {
                    target.fill(0);
                }
            }
        }
        self.len = len;
        self.asked.push(Asked::SetLen(len));
        Ok(())
    }

    fn read(&self, file: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(to_u64(out.len())) > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (index, within, piece) in pieces(offset, out.len()) {
            let target = out.get_mut(piece).ok_or(io::ErrorKind::InvalidInput)?;
            let Some(chunk) = self.chunks.get(&index) else {
                let start = index * CHUNK_BYTES + to_u64(within);
                read_file(file, self.file_len, start, target)?;
                continue;
            };
            let source = chunk
                .get(within..within + target.len())
                .ok_or(io::ErrorKind::InvalidInput)?;
            target.copy_from_slice(source);
        }
        Ok(())
    }
}

/// Reads what is at `start` of a file of `file_len` bytes, and zeros where it is shorter.
fn read_file(
    file: &dyn StorageBackend,
    file_len: u64,
    start: u64,
    out: &mut [u8],
) -> io::Result<()> {
    let there = to_usize(file_len.saturating_sub(start)).min(out.len());
    let (there, beyond) = out.split_at_mut(there);
    beyond.fill(0);
    if there.is_empty() {
        return Ok(());
    }
    file.read(start, there)
}

/// Cuts `len` bytes at `offset` at the borders of the pieces: index of the piece, position within
/// it, range of the bytes.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let at = offset + to_u64(done);
        let within = at % CHUNK_BYTES;
        let take = to_usize(CHUNK_BYTES - within).min(len - done);
        let piece = (at / CHUNK_BYTES, to_usize(within), done..done + take);
        done += take;
        Some(piece)
    })
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

impl StorageBackend for GuardedFile {
    fn len(&self) -> io::Result<u64> {
        if self.inner.is_held() {
            return Ok(self.inner.waiting().len);
        }
        self.inner.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.inner.is_held() {
            return self.inner.waiting().read(self.inner.file(), offset, out);
        }
        self.inner.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.inner.is_held() {
            return self.inner.waiting().set_len(self.inner.file(), len);
        }
        self.inner.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.inner.is_held() {
            self.inner.waiting().asked.push(Asked::Sync);
            return Ok(());
        }
        self.inner.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.inner.is_held() {
            return self.inner.waiting().write(self.inner.file(), offset, data);
        }
        self.inner.file.write(offset, data)
    }

    /// While writes wait, what waits is still to be written: the locks stay.
    fn close(&self) -> io::Result<()> {
        if self.inner.is_held() {
            return Ok(());
        }
        self.inner.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.file.query_lock_range(start, end)
    }
}
