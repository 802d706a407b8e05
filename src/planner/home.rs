use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::cluster::{Node, Shard};
use super::schedule::Schedule;
use super::{Availability, MoveReason};
use crate::schema::ShardId;

/// An active node with the shards that may still leave it, by weight.
pub(super) struct Home<'s, 'a, 'n> {
    pub(super) node: &'n Node<'a>,
    pub(super) movable: BTreeMap<(u64, ShardId), &'s Shard<'a, 'n>>,
}

impl<'s, 'a, 'n> Home<'s, 'a, 'n> {
    /// The movable shards with a weight in `weights`, lightest first.
    pub(super) fn within(
        &self,
        weights: RangeInclusive<u64>,
    ) -> impl DoubleEndedIterator<Item = &'s Shard<'a, 'n>> + use<'_, 's, 'a, 'n> {
        // A range whose start is after its end would panic; it is simply empty.
        let (start, end) = weights.into_inner();
        (start <= end)
            .then(|| {
                self.movable
                    .range((start, ShardId(u64::MIN))..=(end, ShardId(u64::MAX)))
            })
            .into_iter()
            .flatten()
            .map(|(_, shard)| *shard)
    }

    /// Moves `shard` to `to`; it is not moved again.
    pub(super) fn give(
        &mut self,
        shard: &Shard<'a, 'n>,
        to: &Node<'_>,
        reason: MoveReason,
        schedule: &mut Schedule,
    ) {
        self.movable
            .remove(&(schedule.weight(shard), shard.input.id));
        schedule.push(shard, to, reason);
    }
}

/// The active nodes of `nodes`, each with its movable shards.
pub(super) fn homes<'s, 'a, 'n>(
    nodes: &'n [Node<'a>],
    shards: &'s [Shard<'a, 'n>],
    schedule: &Schedule,
) -> Vec<Home<'s, 'a, 'n>> {
    let mut movable: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for shard in shards.iter().filter(|shard| shard.is_movable()) {
        let key = (schedule.weight(shard), shard.input.id);
        movable
            .entry(shard.owner.id())
            .or_default()
            .push((key, shard));
    }
    nodes
        .iter()
        .filter(|node| node.is(Availability::Active))
        .map(|node| Home {
            node,
            movable: movable
                .remove(&node.id())
                .unwrap_or_default()
                .into_iter()
                .collect(),
        })
        .collect()
}

/// What a move that leaves a node outside its band must gain, as a part of its weight. The most
/// that it can gain is twice its weight; near zero, two nodes merely trade places.
const GAIN_PART: u128 = 4;

/// Whether the move of `weight` from `from` to `to` helps: see [`gain`].
pub(super) fn helps(from: &Node<'_>, to: &Node<'_>, weight: u64, schedule: &Schedule) -> bool {
    gain(from, to, weight, schedule).is_some()
}

/// By how much the move brings the two nodes closer to their bands, in sum; `None` when it does
/// not, when it is not worth it, or when it lifts the receiver above where the donor was. The one
/// test of every balancing move: it depends on nothing but the loads, so that planning again finds
/// what this plan found.
pub(super) fn gain(
    from: &Node<'_>,
    to: &Node<'_>,
    weight: u64,
    schedule: &Schedule,
) -> Option<u128> {
    let weight = u128::from(weight);
    let (from_before, to_before) = (schedule.load(from), schedule.load(to));
    let from_after = from_before.saturating_sub(weight);
    let to_after = to_before.saturating_add(weight);
    if from.id() == to.id() || to.cmp_level(to_after, from, from_before) == Ordering::Greater {
        return None;
    }
    let (from_band, to_band) = (from.band.get(), to.band.get());
    let distance = |from_load, to_load| {
        let from_distance = from_band.distance(from_load);
        from_distance.saturating_add(to_band.distance(to_load))
    };
    let gain = distance(from_before, to_before).checked_sub(distance(from_after, to_after))?;
    let overshoots = from_after < from_band.least || to_after > to_band.most;
    let worth = !overshoots || gain.saturating_mul(GAIN_PART) >= weight;
    (gain > 0 && worth).then_some(gain)
}

/// `value` as a weight; more than any weight when it is too large for one.
pub(super) fn as_weight(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
