//! Where the inputs come from.

use std::path::{Path, PathBuf};

/// The committed inputs of `target`, by name.
pub(crate) fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

/// Random inputs: bytes, and changed seeds. `SHARDFERRY_SEED` gives the same ones again, and
/// `SHARDFERRY_INPUTS` says how many.
pub(crate) struct Random {
    state: u64,
    seeds: Vec<Vec<u8>>,
    left: u64,
}

impl Random {
    pub(crate) fn new(target: &str, usual: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
        let seed = number("SHARDFERRY_SEED").unwrap_or_else(|| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap();
            u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap()
        });
        let left = number("SHARDFERRY_INPUTS").unwrap_or(usual);
        println!("{target}: {left} random inputs; SHARDFERRY_SEED={seed} gives them again");
        let seeds = seeds(target).into_iter().map(|(_, bytes)| bytes).collect();
        Self {
            state: seed,
            seeds,
            left,
        }
    }

    /// Splitmix64.
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next_u64() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next_u64().to_le_bytes()[0]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// A seed with a few places changed, as a fuzzer would.
    fn changed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            match self.below(5) {
                0 if !input.is_empty() => input[at] = self.byte(),
                1 if !input.is_empty() => input[at] ^= 1 << self.below(8),
                2 => {
                    let len = self.below(8);
                    let more = self.bytes(len);
                    input.splice(at..at, more);
                }
                3 => {
                    let end = (at + self.below(8)).min(input.len());
                    input.drain(at..end);
                }
                _ => {
                    let other = self.below(self.seeds.len());
                    let other = &self.seeds[other];
                    let tail = other.get(at..).unwrap_or_default().to_vec();
                    input.truncate(at);
                    input.extend(tail);
                }
            }
        }
        input
    }
}

impl Iterator for Random {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        if self.seeds.is_empty() || self.below(3) == 0 {
            let len = self.below(400);
            return Some(self.bytes(len));
        }
        Some(self.changed())
    }
}
