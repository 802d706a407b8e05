//! Where a file has data and where it has holes.

use std::fs::File;
use std::ops::Range;

/// The next stretch of data of `file` at or after `at`, within `len`. Empty, at `len`: only a hole
/// is left. A file system that does not tell has one stretch without holes.
pub(super) fn next_data(file: &File, at: u64, len: u64) -> Range<u64> {
    let Some(start) = seek_data(file, at, len) else {
        return at..len;
    };
    let start = start.clamp(at, len);
    let end = seek_hole(file, start, len).unwrap_or(len);
    // A stretch that ends where it starts would be no step forward: the file changes under us.
    if end <= start {
        start..len
    } else {
        start..end.min(len)
    }
}

/// Whether a block has nothing but zeros. Such a block and a hole read the same.
pub(super) fn is_zero(block: &[u8]) -> bool {
    let (words, rest) = block.as_chunks::<16>();
    words.iter().all(|word| *word == [0; 16]) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple"))]
fn seek_data(file: &File, at: u64, len: u64) -> Option<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(start) => Some(start),
        Err(rustix::io::Errno::NXIO) => Some(len),
        Err(_) => None,
    }
}

#[cfg(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple"))]
fn seek_hole(file: &File, at: u64, len: u64) -> Option<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(at)) {
        Ok(end) => Some(end),
        Err(_) => Some(len),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple")))]
fn seek_data(_: &File, _: u64, _: u64) -> Option<u64> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple")))]
fn seek_hole(_: &File, _: u64, _: u64) -> Option<u64> {
    None
}
