//! The contents of one file as a digest reads them: through the page cache, or past it.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use super::copy_file::as_u64;

/// What a read past the page cache has to begin at and be a multiple of, in the file and in memory:
/// the largest block of the usual disks.
const ALIGNMENT: usize = 4096;

/// Memory to read into.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where its first aligned byte is.
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len`: a multiple of the alignment.
    pub(super) fn new(len: usize) -> Self {
        let bytes = vec![0; len.saturating_add(ALIGNMENT)];
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, start, len }
    }

    pub(super) fn filled(&self, count: usize) -> &[u8] {
        let end = self.start.saturating_add(count);
        self.bytes.get(self.start..end).unwrap_or_default()
    }

    fn first(&mut self, count: usize) -> &mut [u8] {
        let end = self.start.saturating_add(count.min(self.len));
        self.bytes.get_mut(self.start..end).unwrap_or_default()
    }
}

/// A file that is read from its beginning on.
pub(super) struct Contents<'f> {
    file: &'f File,
    /// Reads pass the page cache by.
    is_direct: bool,
}

impl<'f> Contents<'f> {
    pub(super) fn cached(file: &'f File) -> Self {
        Self {
            file,
            is_direct: false,
        }
    }

    /// Past the page cache, where the file system can.
    pub(super) fn from_disk(file: &'f File) -> Self {
        Self {
            file,
            is_direct: set_direct(file, true),
        }
    }

    /// Reads from `at` on until `buffer` is full or the file ends: up to `len` bytes, which are left
    /// in it. The number of bytes.
    pub(super) fn read(
        &mut self,
        buffer: &mut Buffer,
        at: u64,
        len: u64,
    ) -> std::io::Result<usize> {
        let want = usize::try_from(len).unwrap_or(usize::MAX).min(buffer.len);
        let mut count = 0;
        while count < want {
            let offset = at.saturating_add(as_u64(count));
            if self.is_direct && !offset.is_multiple_of(as_u64(ALIGNMENT)) {
                self.pass_through_the_cache();
            }
            // Whole blocks, also past the end of the file.
            let end = match self.is_direct {
                true => want.next_multiple_of(ALIGNMENT),
                false => want,
            };
            let rest = buffer.first(end).get_mut(count..).unwrap_or_default();
            match self.file.read_at(rest, offset) {
                Ok(0) => break,
                Ok(more) => count = count.saturating_add(more).min(want),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::InvalidInput && self.is_direct => {
                    self.pass_through_the_cache();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    fn pass_through_the_cache(&mut self) {
        self.is_direct = false;
        set_direct(self.file, false);
    }
}

/// Whether it was done.
#[cfg(target_os = "linux")]
fn set_direct(file: &File, is_direct: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let Ok(flags) = fcntl_getfl(file) else {
        return false;
    };
    let flags = match is_direct {
        true => flags | OFlags::DIRECT,
        false => flags - OFlags::DIRECT,
    };
    fcntl_setfl(file, flags).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_: &File, _: bool) -> bool {
    false
}
