//! BLAKE3 over a stream that comes in pieces.

/// What is hashed at once. BLAKE3 hashes many of its chunks of 1 KiB side by side, but only of what
/// begins at a multiple of a power of two in the stream: pieces at odd offsets are gathered first.
/// Small enough for the second-level cache of a core.
const GATHERED_BYTES: usize = 128 * 1024;

pub(super) struct Sink {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl Sink {
    pub(super) fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            gathered: Vec::with_capacity(GATHERED_BYTES),
        }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = GATHERED_BYTES.saturating_sub(self.gathered.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
            if self.gathered.len() == GATHERED_BYTES {
                self.hasher.update(&self.gathered);
                self.gathered.clear();
            }
        }
    }

    pub(super) fn finalize(mut self) -> blake3::Hash {
        self.hasher.update(&self.gathered);
        self.hasher.finalize()
    }
}
