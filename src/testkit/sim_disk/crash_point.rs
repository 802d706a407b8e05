use super::content::to_u64;
use super::fate::Fate;
use super::record::Change;
use super::tree::Tree;
use super::{CrashImage, Sampling};
use crate::testkit::Random;

/// Sizes at which a write may be torn: sectors of old disks, pages of new ones. What fits into one
/// of these may be torn at the lines of a processor's cache, as memory that keeps its content is.
const SECTORS_BYTES: [u64; 3] = [512, 4096, 64];

/// So many of the newest changes are each tried alone, and lost alone.
const SINGLES_MAX: usize = 16;

/// The points at which the power may fail: before the first change, and after each.
#[derive(Debug)]
pub struct CrashPoints {
    record: std::vec::IntoIter<Change>,
    next: Option<CrashPoint>,
}

impl CrashPoints {
    pub(super) fn new(first: Tree, record: Vec<Change>) -> Self {
        Self {
            record: record.into_iter(),
            next: Some(CrashPoint {
                position: 0,
                durable: first,
                pending: Vec::new(),
            }),
        }
    }
}

impl Iterator for CrashPoints {
    type Item = CrashPoint;

    fn next(&mut self) -> Option<CrashPoint> {
        let point = self.next.take()?;
        self.next = self.record.next().map(|change| point.after(change));
        Some(point)
    }
}

/// A point at which the power fails: what is durable there, and what may or may not be.
#[derive(Clone, Debug)]
pub struct CrashPoint {
    position: usize,
    durable: Tree,
    pending: Vec<Change>,
}

impl CrashPoint {
    fn after(&self, change: Change) -> Self {
        let mut next = self.clone();
        next.position += 1;
        if change.is_sync() {
            let (settled, pending) = next
                .pending
                .into_iter()
                .partition(|pending| pending.is_settled_by(&change));
            next.pending = pending;
            let settled: Vec<Change> = settled;
            for change in &settled {
                next.durable.apply(change);
            }
        } else {
            next.pending.push(change);
        }
        next
    }

    /// How many changes were made before it; compare with [`SimDisk::changes`](super::SimDisk::changes).
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many changes are not synced.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What the crash may leave. The same sampling gives the same images.
    pub fn images(&self, sampling: &Sampling) -> impl Iterator<Item = CrashImage> + '_ {
        let samples = sampling.samples;
        let mut random = Random::of_part(sampling.seed, to_u64(self.position));
        let plain = self.plain(sampling.exhaustive_max.min(16));
        let plain = plain.into_iter().map(|fates| self.image(fates, false));
        let sampled = (0..if self.pending.is_empty() { 0 } else { samples }).map(move |_| {
            let fates = self.sample(&mut random);
            self.image(fates, random.chance(1, 4))
        });
        plain.chain(sampled)
    }

    /// The image in which each change that was not synced has its fate, in their order. With
    /// `within_len`, what was written past the end of a file is lost unless its new length is there.
    #[must_use]
    pub fn image(&self, fates: Vec<Fate>, within_len: bool) -> CrashImage {
        let mut tree = self.durable.clone();
        for (change, fate) in self.pending.iter().zip(&fates) {
            for left in fate.leaves(change) {
                if within_len {
                    tree.apply_within_len(&left);
                } else {
                    tree.apply(&left);
                }
            }
        }
        tree.drop_nameless();
        CrashImage::new(self, fates, within_len, tree)
    }

    pub(super) fn is_header_torn(&self, fates: &[Fate]) -> bool {
        let mut each = self.pending.iter().zip(fates);
        each.any(|(change, fate)| {
            matches!(change, Change::Write { offset: 0, .. }) && matches!(fate, Fate::Torn { .. })
        })
    }

    /// Every subset, or with more than `exhaustive_max` changes those that go wrong most often.
    fn plain(&self, exhaustive_max: u32) -> Vec<Vec<Fate>> {
        let count = self.pending.len();
        let subset = |kept: &dyn Fn(usize) -> bool| -> Vec<Fate> {
            let fate = |at| if kept(at) { Fate::Kept } else { Fate::Lost };
            (0..count).map(fate).collect()
        };
        if to_u64(count) <= u64::from(exhaustive_max) {
            return (0..1_usize << count)
                .map(|set| subset(&|at| set >> at & 1 == 1))
                .collect();
        }
        let mut sets = vec![subset(&|_| false), subset(&|_| true)];
        let singles = if exhaustive_max == 0 { 0 } else { SINGLES_MAX };
        for one in count.saturating_sub(singles)..count {
            sets.push(subset(&|at| at == one));
            sets.push(subset(&|at| at != one));
        }
        sets
    }

    /// A random image: how much is there, in which order, and how much of it is torn, all vary.
    fn sample(&self, random: &mut Random) -> Vec<Fate> {
        let count = to_u64(self.pending.len());
        let shape = random.below(5);
        let cut = random.below(count + 1);
        let torn_of_8 = random.below(5);
        let mut fates = Vec::with_capacity(self.pending.len());
        for (at, change) in (0..count).zip(&self.pending) {
            let kept = match shape {
                0 => at < cut,
                1 => at >= cut,
                2 => random.chance(1, 8),
                3 => random.chance(1, 2),
                _ => random.chance(7, 8),
            };
            let mut torn = None;
            if random.chance(torn_of_8, 8) {
                let sector = if change.is_small() {
                    SECTORS_BYTES.last()
                } else {
                    SECTORS_BYTES.get(usize::from(random.chance(1, 2)))
                };
                torn = sector.and_then(|bytes| Fate::tearing(change, *bytes, random));
            }
            fates.push(torn.unwrap_or(if kept { Fate::Kept } else { Fate::Lost }));
        }
        fates
    }
}
