//! The copy of one regular file, in bounded memory.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::advice;
use super::attributes::apply;
use super::copy::Copier;
use super::error::Problem;
use super::meta::Meta;
use super::relative::Relative;
use super::segments::{is_zero, next_data};
use super::tree::Tree;

/// A file that is being copied.
struct Open<'f> {
    path: &'f Relative,
    source: File,
    /// As it was when it was opened. Only so much is copied, however it grows meanwhile.
    meta: Meta,
    target: File,
}

impl Copier<'_> {
    /// Copies the file at `path`, or the rest of it.
    pub(super) fn copy_file(&mut self, path: &Relative) -> Result<(), Problem> {
        let (source, meta) = self.source.open_file(path, OFlags::RDONLY)?;
        let mut start = self.start_of(path, &meta)?;
        let partial = match start {
            0 => None,
            _ => self.reopen(path, start)?,
        };
        let target = match partial {
            Some(file) => file,
            None => {
                start = 0;
                self.new_file(path)?
            }
        };
        self.meter.add(start)?;
        let open = Open {
            path,
            source,
            meta,
            target,
        };
        let mut at = start;
        let copied = self.copy_contents(&open, &mut at);
        if let Err(Problem::Interrupted(_)) = copied
            && at > start
        {
            self.save_interrupted(&open, at);
        }
        copied?;
        let end = at;
        let Open { meta, target, .. } = open;
        target
            .set_len(end)
            .map_err(Problem::io("set the length of", || self.target.path(path)))?;
        apply(&target, &meta, self.target, path)?;
        self.batch
            .add_file(path.clone(), target, end.saturating_sub(start));
        Ok(())
    }

    /// The half-copied file, without what is past `offset`. `None`: it cannot be opened, because an
    /// earlier attempt completed it and took our access away.
    fn reopen(&self, path: &Relative, offset: u64) -> Result<Option<File>, Problem> {
        match self.target.open_file(path, OFlags::RDWR) {
            Ok((file, _)) => {
                file.set_len(offset)
                    .map_err(Problem::io("set the length of", || self.target.path(path)))?;
                Ok(Some(file))
            }
            Err(Problem::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Copies from `at` on; `at` is then the length, or less when the source was cut meanwhile.
    fn copy_contents(&mut self, open: &Open<'_>, at: &mut u64) -> Result<(), Problem> {
        let len = open.meta.len;
        let (mut synced, mut begun) = (*at, *at);
        while *at < len {
            let data = if open.meta.is_sparse() {
                next_data(&open.source, *at, len)
            } else {
                *at..len
            };
            let hole = data.start.saturating_sub(*at);
            *at = data.start;
            self.meter.add(hole)?;
            while *at < data.end {
                let count = self.copy_chunk(open, *at, data.end)?;
                if count == 0 {
                    return Ok(());
                }
                *at = at.saturating_add(count);
                self.meter.add(count)?;
                if at.saturating_sub(begun) >= self.tuning.begin_bytes {
                    advice::is_written(&open.target, begun, *at);
                    begun = *at;
                }
                if at.saturating_sub(synced) >= self.tuning.sync_bytes && *at < len {
                    self.checkpoint_in_file(open.path, open.meta.mtime, *at, &open.target)?;
                    synced = *at;
                }
            }
        }
        Ok(())
    }

    /// A last checkpoint of a copy that is asked to stop: the next attempt goes on from here. When
    /// it cannot be had, an earlier one serves.
    fn save_interrupted(&mut self, open: &Open<'_>, at: u64) {
        let saved = self.checkpoint_in_file(open.path, open.meta.mtime, at, &open.target);
        self.saved_last = true;
        if let Err(error) = saved {
            tracing::debug!(%error, "the last checkpoint of an interrupted copy");
        }
    }

    /// Copies from `at` on, at most up to `end`; the number of bytes, zero at the end of the file.
    fn copy_chunk(&mut self, open: &Open<'_>, at: u64, end: u64) -> Result<u64, Problem> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let want = left.min(self.buffer.len());
        self.meter.throttle(as_u64(want))?;
        let buffer = self.buffer.get_mut(..want).unwrap_or_default();
        let count = read_at(&open.source, buffer, at)
            .map_err(Problem::io("read", || self.source.path(open.path)))?;
        let chunk = buffer.get(..count).unwrap_or_default();
        if !(open.meta.is_sparse() && is_zero(chunk)) {
            open.target
                .write_all_at(chunk, at)
                .map_err(Problem::io("write", || self.target.path(open.path)))?;
        }
        Ok(as_u64(count))
    }
}

/// Reads until `buffer` is full or the file ends.
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at.saturating_add(as_u64(count))) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// A new empty file that only we may open; nothing is overwritten.
pub(super) fn create_file(tree: &Tree, at: &Relative) -> Result<Result<File, Errno>, Problem> {
    let (folder, name) = tree.holder(at)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(rustix::fs::openat(&*folder, &name, flags, mode).map(File::from))
}

/// A length in memory always fits.
pub(super) fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
