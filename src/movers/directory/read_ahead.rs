//! The contents of a long file, past the page cache: a thread reads the next piece while one is hashed.
//! The kernel, which reads ahead into its cache, does nothing for such reads.

use std::fs::File;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{Builder, Scope};

use super::contents::{Buffer, Contents};
use super::copy_file::as_u64;

/// What is read at once: so much keeps a fast disk busy.
const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// One is hashed, one is read.
const PIECES: usize = 2;

/// Shorter files are not worth a thread.
pub(super) const LONG_BYTES: u64 = 8 * 1024 * 1024;

/// What is left of a file, piece by piece.
pub(super) struct ReadAhead {
    full: Receiver<io::Result<(Buffer, usize)>>,
    spare: Sender<Buffer>,
}

impl ReadAhead {
    /// Reads the first `len` bytes of `file`, or all that there is. An error: there is no thread to be had.
    pub(super) fn new<'scope>(
        scope: &'scope Scope<'scope, '_>,
        file: &'scope File,
        len: u64,
    ) -> io::Result<Self> {
        let (filled, full) = mpsc::sync_channel(PIECES);
        let (spare, empty) = mpsc::channel();
        for _ in 0..PIECES {
            spare
                .send(Buffer::new(PIECE_BYTES))
                .map_err(io::Error::other)?;
        }
        let read = move || {
            let mut contents = Contents::from_disk(file);
            let mut at = 0;
            while at < len {
                // Whoever wants no more drops its ends.
                let Ok(mut buffer) = empty.recv() else { return };
                let read = contents.read(&mut buffer, at, len.saturating_sub(at));
                let count = *read.as_ref().unwrap_or(&0);
                let piece = read.map(|count| (buffer, count));
                if filled.send(piece).is_err() || count == 0 {
                    return;
                }
                at = at.saturating_add(as_u64(count));
            }
        };
        Builder::new()
            .name("shardferry-read".into())
            .spawn_scoped(scope, read)?;
        Ok(Self { full, spare })
    }

    /// Shows the next piece to `visit`; its length. Zero: there is no other one.
    pub(super) fn next(&self, visit: impl FnOnce(&[u8])) -> io::Result<usize> {
        let Ok(piece) = self.full.recv() else {
            return Ok(0);
        };
        let (buffer, count) = piece?;
        visit(buffer.filled(count));
        // A thread that has read everything takes none.
        drop(self.spare.send(buffer));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::thread;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        file
    }

    /// No two pieces are the same.
    fn bytes(len: usize) -> Vec<u8> {
        (0..=250)
            .flat_map(|byte| [byte; 1000])
            .cycle()
            .take(len)
            .collect()
    }

    fn all(file: &File, len: u64) -> Vec<u8> {
        thread::scope(|scope| {
            let ahead = ReadAhead::new(scope, file, len).unwrap();
            let mut read = Vec::new();
            while ahead.next(|piece| read.extend_from_slice(piece)).unwrap() > 0 {}
            read
        })
    }

    #[test]
    fn every_piece_comes_once_and_in_its_order() {
        for len in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 4 * PIECE_BYTES + 4097] {
            let bytes = bytes(len);
            let file = file(&bytes);
            assert!(all(&file, as_u64(len)) == bytes, "{len}");
        }
    }

    #[test]
    fn a_file_that_grew_or_was_cut_ends_where_it_was_or_is() {
        let bytes = bytes(2 * PIECE_BYTES + 17);
        let file = file(&bytes);
        let half = PIECE_BYTES + 5;
        assert!(all(&file, as_u64(half)) == bytes[..half]);
        assert!(all(&file, u64::MAX) == bytes);
    }

    #[test]
    fn whoever_wants_no_more_does_not_wait_for_the_rest() {
        let file = file(&bytes(5 * PIECE_BYTES));
        thread::scope(|scope| {
            let ahead = ReadAhead::new(scope, &file, u64::MAX).unwrap();
            assert_eq!(ahead.next(|_| ()).unwrap(), PIECE_BYTES);
        });
    }

    #[test]
    fn an_error_is_told_and_is_the_last() {
        let folder = File::open(".").unwrap();
        thread::scope(|scope| {
            let ahead = ReadAhead::new(scope, &folder, 1).unwrap();
            assert!(ahead.next(|_| ()).is_err());
            assert_eq!(ahead.next(|_| ()).unwrap(), 0);
        });
    }
}
