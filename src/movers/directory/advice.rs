//! Advice to the page cache. Where it is not taken, all works as well, only slower or less strictly.

use std::fs::File;

/// The cache may drop the file. What is not yet on the disk begins to be written, without waiting;
/// what is, is read from the disk the next time.
pub(super) fn will_not_be_read(file: &File) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// The file is read once, from the beginning to the end.
pub(super) fn will_be_read_in_order(file: &File) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// The first `len` bytes of the file are read soon: the disk begins now, without anybody waiting.
pub(super) fn will_be_read_soon(file: &File, len: u64) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(
        file,
        0,
        std::num::NonZeroU64::new(len),
        rustix::fs::Advice::WillNeed,
    );
    #[cfg(not(target_os = "linux"))]
    let _ = (file, len);
}

/// The bytes from `start` to `end` are complete: they begin to be written to the disk, without
/// anybody waiting.
pub(super) fn is_written(file: &File, start: u64, end: u64) {
    #[cfg(target_os = "linux")]
    if let Some(len) = std::num::NonZeroU64::new(end.saturating_sub(start)) {
        let _ = rustix::fs::fadvise(file, start, Some(len), rustix::fs::Advice::DontNeed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, start, end);
}
