//! Where the inputs come from.

use std::path::{Path, PathBuf};

use shardferry_fuzz::random::Random;

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
pub(crate) struct Inputs {
    random: Random,
    seeds: Vec<Vec<u8>>,
    left: u64,
}

impl Inputs {
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
            random: Random::new(seed),
            seeds,
            left,
        }
    }

    /// A seed with a few places changed, as a fuzzer would.
    fn changed(&mut self) -> Vec<u8> {
        let at = self.random.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..=self.random.below(4) {
            let at = self.random.below(input.len());
            match self.random.below(5) {
                0 if !input.is_empty() => input[at] = self.random.byte(),
                1 if !input.is_empty() => input[at] ^= 1 << self.random.below(8),
                2 => {
                    let len = self.random.below(8);
                    let more = self.random.bytes(len);
                    input.splice(at..at, more);
                }
                3 => {
                    let end = (at + self.random.below(8)).min(input.len());
                    input.drain(at..end);
                }
                _ => {
                    let other = self.random.below(self.seeds.len());
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

impl Iterator for Inputs {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        if self.seeds.is_empty() || self.random.below(3) == 0 {
            let len = self.random.below(400);
            return Some(self.random.bytes(len));
        }
        Some(self.changed())
    }
}
