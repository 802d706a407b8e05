/// Which images of a crash are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Up to so many changes that were not synced, every subset of them is tried; with more, none,
    /// all, and of the newest each one alone and all but each one. Above 16 counts as
    /// 16; 0 tries none and all.
    pub exhaustive_max: u32,
    /// So many more, of random subsets, with torn writes among them.
    pub samples: u32,
    /// What they follow from.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            exhaustive_max: 4,
            samples: 8,
            seed: 0,
        }
    }
}
