use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Copies of a file share pages of this size until one of them writes.
const PAGE_BYTES: usize = 4096;

/// The bytes of a file. A copy costs a pointer for each page.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pages: Vec<Arc<Page>>,
    len: u64,
}

#[derive(Debug)]
struct Page {
    bytes: [u8; PAGE_BYTES],
    digest: OnceLock<blake3::Hash>,
}

impl Page {
    fn zero() -> Arc<Self> {
        static ZERO: OnceLock<Arc<Page>> = OnceLock::new();
        let zero = ZERO.get_or_init(|| {
            Arc::new(Page {
                bytes: [0; PAGE_BYTES],
                digest: OnceLock::new(),
            })
        });
        Arc::clone(zero)
    }

    fn digest(&self) -> &blake3::Hash {
        self.digest.get_or_init(|| blake3::hash(&self.bytes))
    }
}

/// The digest is of the bytes that were copied, and the copy is about to change.
impl Clone for Page {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes,
            digest: OnceLock::new(),
        }
    }
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(0, bytes);
        content
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        for page in &self.pages {
            bytes.extend_from_slice(&page.bytes);
        }
        bytes.truncate(to_usize(self.len));
        bytes
    }

    /// The same for the same bytes; pages that did not change are not hashed again.
    pub(super) fn digest(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.len.to_be_bytes());
        for page in &self.pages {
            hasher.update(page.digest().as_bytes());
        }
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(to_u64(out.len())) > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (page, within, piece) in pieces(offset, out.len()) {
            let source = self.pages.get(page).and_then(|page| page.bytes.get(within));
            if let (Some(source), Some(target)) = (source, out.get_mut(piece)) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let end = offset.saturating_add(to_u64(data.len()));
        if end > self.len {
            self.set_len(end);
        }
        for (page, within, piece) in pieces(offset, data.len()) {
            if let Some(source) = data.get(piece) {
                self.change(page, within, |target| target.copy_from_slice(source));
            }
        }
    }

    /// What is cut off reads as zero when the file grows again.
    pub(super) fn set_len(&mut self, len: u64) {
        let pages = to_usize(len).div_ceil(PAGE_BYTES);
        self.pages.resize_with(pages, Page::zero);
        let within = to_usize(len) % PAGE_BYTES;
        if len < self.len && within != 0 {
            self.change(pages - 1, within..PAGE_BYTES, |rest| rest.fill(0));
        }
        self.len = len;
    }

    fn change(&mut self, page: usize, within: Range<usize>, change: impl FnOnce(&mut [u8])) {
        let Some(page) = self.pages.get_mut(page).map(Arc::make_mut) else {
            return;
        };
        page.digest = OnceLock::new();
        if let Some(target) = page.bytes.get_mut(within) {
            change(target);
        }
    }
}

/// Cuts `len` bytes at `offset` at the borders of pages: page, range within it, range of the bytes.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (usize, Range<usize>, Range<usize>)> {
    let offset = to_usize(offset);
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let at = offset + done;
        let within = at % PAGE_BYTES;
        let take = (PAGE_BYTES - within).min(len - done);
        let piece = (at / PAGE_BYTES, within..within + take, done..done + take);
        done += take;
        Some(piece)
    })
}

pub(super) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

pub(super) fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and fails"
)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_as_a_plain_vector_does() {
        let mut random = crate::testkit::Random::new(11);
        let (mut content, mut plain) = (Content::default(), Vec::new());
        for _ in 0..400 {
            let offset = random.below(20_000) as usize;
            if random.chance(1, 4) {
                content.set_len(offset as u64);
                plain.resize(offset, 0);
            } else {
                let data = vec![random.next() as u8; random.below(9_000) as usize];
                content.write(offset as u64, &data);
                let end = offset + data.len();
                if !data.is_empty() || end > plain.len() {
                    plain.resize(plain.len().max(end), 0);
                }
                plain[offset..end].copy_from_slice(&data);
            }
            assert_eq!(content.bytes(), plain);
            let mut out = vec![0; plain.len() / 2];
            content.read(plain.len() as u64 / 3, &mut out).unwrap();
            assert_eq!(out, plain[plain.len() / 3..][..out.len()]);
        }
    }

    #[test]
    fn a_copy_keeps_its_bytes_and_the_digest_tells_them_apart() {
        let digest = |content: &Content| {
            let mut hasher = blake3::Hasher::new();
            content.digest(&mut hasher);
            hasher.finalize()
        };
        let mut content = Content::of(&[1; 10_000]);
        let copy = content.clone();
        assert_eq!(digest(&content), digest(&copy));
        content.write(5_000, &[2]);
        assert_ne!(digest(&content), digest(&copy));
        assert_eq!(copy.bytes(), [1; 10_000]);
        content.write(5_000, &[1]);
        assert_eq!(digest(&content), digest(&copy));
    }
}
