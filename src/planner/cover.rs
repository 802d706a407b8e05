//! How many shards of a node weigh so much.

use std::cmp::Reverse;

/// So many of the heaviest shards are told apart; the next counts for all that are no heavier.
const TOLD_APART: usize = 256;

/// The fewest of some shards that weigh as much as something.
#[derive(Clone, Debug, Default)]
pub(super) struct Cover {
    /// What the first of them weigh, by their number, from one.
    sums: Vec<u128>,
    /// What any further one weighs at most.
    next: u64,
    /// How many there are.
    count: usize,
}

impl Cover {
    pub(super) fn new(mut weights: Vec<u64>) -> Self {
        let count = weights.len();
        let mut next = 0;
        if count > TOLD_APART {
            let heaviest_first = |weight: &u64| Reverse(*weight);
            let (_, last, _) = weights.select_nth_unstable_by_key(TOLD_APART, heaviest_first);
            next = *last;
            weights.truncate(TOLD_APART);
        }
        weights.sort_unstable_by_key(|weight| Reverse(*weight));
        let sums = weights.into_iter().scan(0, |sum, weight| {
            *sum += u128::from(weight);
            Some(*sum)
        });
        Self {
            sums: sums.collect(),
            next,
            count,
        }
    }

    /// At least so many weigh `weight`; all of them, if they weigh less.
    pub(super) fn fewest(&self, weight: u128) -> usize {
        if weight == 0 {
            return 0;
        }
        let fewer = self.sums.partition_point(|sum| *sum < weight);
        if fewer < self.sums.len() {
            return fewer + 1;
        }
        let known = self.sums.last().copied().unwrap_or_default();
        let missing = weight.saturating_sub(known);
        let more = match u128::from(self.next) {
            0 => missing,
            next => missing.div_ceil(next),
        };
        let fewest = usize::try_from(more).unwrap_or(usize::MAX);
        fewer.saturating_add(fewest).min(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_are_counted_first() {
        let cover = Cover::new(vec![1, 5, 3]);
        let fewest = [0, 1, 5, 6, 8, 9, 10].map(|weight| cover.fewest(weight));
        assert_eq!(fewest, [0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(Cover::default().fewest(1), 0);
    }

    #[test]
    fn of_many_light_shards_no_more_are_counted_than_there_must_be() {
        let weights: Vec<u64> = (1..=1000).collect();
        let cover = Cover::new(weights.clone());
        for count in [1, 255, 256, 257, 600, 1000] {
            let sum: u64 = weights.iter().rev().take(count).sum();
            let fewest = cover.fewest(sum.into());
            assert!(fewest <= count && (count > TOLD_APART || fewest == count));
        }
    }
}
