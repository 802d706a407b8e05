//! The shards of each node that may leave it, heaviest first: how many weigh so much.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::homes::Homes;
use super::world::World;

/// So many of the heaviest shards are told apart; the next counts for all that are no heavier.
const TOLD_APART: usize = 512;

/// Some shards.
#[derive(Clone, Debug)]
pub(super) struct Cover {
    /// The weights that are told apart.
    heaviest: Vec<u64>,
    /// What the first of them weigh, by their number, from none.
    sums: Vec<u128>,
    /// How many more there are, and what each weighs at most.
    more: usize,
    next: u64,
}

impl Cover {
    /// Of shards of these weights, whose order is changed.
    fn new(weights: &mut [u64]) -> Self {
        let (mut told_apart, mut more, mut next) = (weights, 0, 0);
        if told_apart.len() > TOLD_APART {
            let heaviest_first = |weight: &u64| Reverse(*weight);
            more = told_apart.len() - TOLD_APART;
            let (heavier, last, _) =
                told_apart.select_nth_unstable_by_key(TOLD_APART, heaviest_first);
            (told_apart, next) = (heavier, *last);
        }
        told_apart.sort_unstable_by_key(|weight| Reverse(*weight));
        let mut sums = Vec::with_capacity(told_apart.len() + 1);
        let mut sum = 0;
        sums.push(sum);
        for weight in &*told_apart {
            sum += u128::from(*weight);
            sums.push(sum);
        }
        Self {
            heaviest: told_apart.to_vec(),
            sums,
            more,
            next,
        }
    }

    /// The weights of the heaviest.
    pub(super) fn heaviest(&self) -> &[u64] {
        &self.heaviest
    }

    pub(super) fn count(&self) -> usize {
        self.heaviest.len() + self.more
    }

    /// So many weigh at most this.
    pub(super) fn weight_of(&self, count: usize) -> u128 {
        let known = count.min(self.heaviest.len());
        let sum = self.sums.get(known).copied().unwrap_or_default();
        let more = u128::try_from(count - known).unwrap_or(u128::MAX);
        sum.saturating_add(more.saturating_mul(self.next.into()))
    }

    /// At least so many weigh `weight`, without the `skipped` heaviest; all of them, if they weigh less.
    pub(super) fn fewest(&self, skipped: usize, weight: u128) -> usize {
        let wanted = self.weight_of(skipped).saturating_add(weight);
        let sums = self.sums.get(skipped..).unwrap_or_default();
        let fewest = sums.partition_point(|sum| *sum < wanted);
        if fewest < sums.len() {
            return fewest;
        }
        let known = self.sums.last().copied().unwrap_or_default();
        let missing = wanted.saturating_sub(known);
        let more = missing.div_ceil(u128::from(self.next.max(1)));
        let more = usize::try_from(more).unwrap_or(usize::MAX).min(self.more);
        more.saturating_add(self.heaviest.len())
            .saturating_sub(skipped)
    }
}

/// The shards that may leave the active nodes.
pub(super) struct Covers {
    by_node: Column<NodeAt, Cover>,
    heaviest: u64,
}

impl Covers {
    /// `homes` without those that `must_leave`. Nothing where no shard is heavier than a band is wide, or
    /// all are alike: there is nothing to tell apart.
    pub(super) fn new(
        start: &World<'_>,
        aim: &Aim,
        must_leave: &impl Fn(ShardAt) -> bool,
        homes: &Homes,
    ) -> Option<Self> {
        let free = start.shards.places().filter(|shard| start.is_free(*shard));
        let weights = free.map(|shard| aim.weight(start, shard));
        let ends = weights.fold((u64::MAX, 0), |(least, most), weight| {
            (weight.min(least), weight.max(most))
        });
        if u128::from(ends.1) <= aim.width(start) || ends.0 == ends.1 {
            return None;
        }
        let mut by_node = Column::of(start.nodes.len(), Cover::new(&mut []));
        let mut weights = Vec::new();
        for node in start.active.iter().copied() {
            weights.clear();
            let may_leave = homes.of(node).iter().filter(|shard| !must_leave(**shard));
            weights.extend(may_leave.map(|shard| aim.weight(start, *shard)));
            by_node[node] = Cover::new(&mut weights);
        }
        Some(Self {
            by_node,
            heaviest: ends.1,
        })
    }

    pub(super) fn of(&self, node: NodeAt) -> &Cover {
        &self.by_node[node]
    }

    /// What no shard is heavier than.
    pub(super) fn heaviest(&self) -> u64 {
        self.heaviest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_are_counted_first() {
        let cover = Cover::new(&mut [1, 5, 3]);
        let fewest = [0, 1, 5, 6, 8, 9, 10].map(|weight| cover.fewest(0, weight));
        assert_eq!(fewest, [0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(
            [0, 1, 4, 5].map(|weight| cover.fewest(1, weight)),
            [0, 1, 2, 2]
        );
        assert_eq!(Cover::new(&mut []).fewest(0, 1), 0);
    }

    #[test]
    fn of_many_light_shards_no_more_are_counted_than_there_must_be() {
        let mut weights: Vec<u64> = (1..=2000).collect();
        let cover = Cover::new(&mut weights);
        for count in [0, 1, 511, 512, 513, 1200, 2000] {
            let sum: u64 = (1..=2000).rev().take(count).sum();
            let fewest = cover.fewest(0, sum.into());
            assert!(fewest <= count && (count > TOLD_APART || fewest == count));
            assert!(cover.weight_of(count) >= sum.into());
        }
    }
}
