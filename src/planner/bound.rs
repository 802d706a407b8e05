//! What no plan can do with less.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Availability;
use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::cover::Covers;
use super::homes::Homes;
use super::hosts::by_hosts;
use super::place::Forced;
use super::price::by_prices;
use super::world::World;

/// The fewest moves and bytes of any plan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    pub(super) moves: usize,
    pub(super) bytes: u128,
}

/// What a node that lacks nothing gives at least, and can give.
struct Giver {
    /// The place of its next heaviest shard that does not have to leave.
    next: usize,
    /// The weight of what leaves it so far.
    given: u128,
    /// What it can give and stay in its band, whatever comes in: beyond that, it receives as much as
    /// it gives.
    spare: u128,
}

impl Giver {
    fn supply(&self) -> u128 {
        self.given.min(self.spare)
    }
}

/// The fewest moves and bytes of any plan that empties the draining nodes, takes shards from where
/// they are forbidden, and brings every active node into its band of `aim`. `start` is the cluster
/// before the plan.
///
/// A shard on a draining node, or where it is forbidden, is one move. A node above its band loses at
/// least as many shards as its heaviest that cover the excess. Together, the nodes below their bands
/// must gain what they lack, and that is lost by the others: each of those loses, all in all, at most
/// the weight of what leaves it and at most what it has above the lower end of its band. For a number
/// of moves out of a node that is the most with its heaviest, and one more adds less and less: taking
/// the greatest addition first needs the fewest. A second bound counts receivers: each needs at least
/// as many as the heaviest shards of all that cover what it lacks. Two more count what giant shards make
/// leave where they end, if there are `covers`: see [`by_prices`] and [`by_hosts`].
///
/// A node that accepts nothing, and has too much of something, may give whatever it holds.
///
/// Without an `aim` only what must leave counts.
pub(super) fn bound(
    start: &World<'_>,
    aim: Option<(&Aim, Option<&Covers>)>,
    forced: &Forced,
    homes: &mut Homes,
) -> Bound {
    let certain = |shard: ShardAt| is_certain(start, forced, shard);
    let must_leave = || forced.keys().copied().filter(|shard| certain(*shard));
    let bytes_certain = must_leave()
        .map(|shard| u128::from(start.bytes(shard)))
        .sum();
    let certain_moves = must_leave().count();
    let mut moves = certain_moves;
    let Some((aim, covers)) = aim else {
        return Bound {
            moves,
            bytes: bytes_certain,
        };
    };
    let mut leaving: Column<NodeAt, u128> = Column::of(start.nodes.len(), 0);
    for shard in must_leave() {
        leaving[start.owner[shard]] += u128::from(aim.weight(start, shard));
    }
    let certain_leaving = leaving.clone();
    for (shard, cause) in forced {
        let node = start.owner[*shard];
        if !cause.is_certain() && start.is(node, Availability::NoAccept) {
            leaving[node] = start.load(node, aim.resource);
        }
    }
    let (mut lacks, mut excesses, mut supply) = (0_u128, 0_u128, 0_u128);
    let mut receivers = Vec::new();
    let mut givers: Column<NodeAt, Option<Giver>> = (0..start.nodes.len())
        .map(|_| None)
        .collect::<Vec<_>>()
        .into();
    let pinned = Pinned::new(start, aim);
    for node in &start.active {
        let lack = aim.lack(start, *node);
        if lack > 0 {
            lacks += lack;
            receivers.push(lack);
            continue;
        }
        let mut giver = Giver {
            next: 0,
            given: leaving[*node] + pinned.traded(*node),
            spare: aim.spare(start, *node),
        };
        let excess = aim.excess(start, *node);
        excesses += excess.saturating_sub(giver.given);
        if giver.given < excess {
            let shards = homes.heaviest_first(start, aim, *node);
            while giver.given < excess
                && let Some(shard) = shards.get(giver.next)
            {
                giver.next += 1;
                if !certain(*shard) && !pinned.contains(start, aim, *shard) {
                    giver.given += u128::from(aim.weight(start, *shard));
                    moves += 1;
                }
            }
        }
        supply += giver.supply();
        givers[*node] = Some(giver);
    }
    for node in start.nodes.places() {
        if !start.is(node, Availability::Active) {
            supply += leaving[node];
        }
    }
    if supply < lacks {
        let stays = |shard| certain(shard) || pinned.contains(start, aim, shard);
        moves += supplement(start, aim, homes, &mut givers, &stays, lacks - supply);
    }
    let moves = moves.max(by_receivers(start, aim, receivers));
    let moves = covers.map_or(moves, |covers| {
        let by_hosts = certain_moves + by_hosts(start, aim, covers, &certain_leaving);
        by_prices(start, aim, covers, must_leave(), moves).max(by_hosts)
    });
    let bytes = if start.is_bytes(aim.resource) {
        (bytes_certain + excesses).max(lacks)
    } else {
        bytes_certain
    };
    Bound { moves, bytes }
}

/// Whether a shard must leave its node: itself, not any one of several.
pub(super) fn is_certain(start: &World<'_>, forced: &Forced, shard: ShardAt) -> bool {
    start.is_free(shard) && forced.get(&shard).is_some_and(|cause| cause.is_certain())
}

/// The shards that fit into no band but those of the nodes that hold one of them.
struct Pinned {
    /// The least weight of such a shard; nothing when they may share a node.
    from_weight: Option<u64>,
    lightest: u64,
    by_node: std::collections::BTreeMap<NodeAt, u64>,
}

impl Pinned {
    fn new(start: &World<'_>, aim: &Aim) -> Self {
        let mut pinned = Self {
            from_weight: None,
            lightest: 0,
            by_node: std::collections::BTreeMap::new(),
        };
        let Some(from_weight) = aim.oversized() else {
            return pinned;
        };
        let mut lightest = u64::MAX;
        let mut alone = true;
        for shard in start.shards.places() {
            let (node, weight) = (start.at(shard), aim.weight(start, shard));
            if weight >= from_weight && start.is_free(shard) && start.is(node, Availability::Active)
            {
                lightest = lightest.min(weight);
                alone &= pinned.by_node.insert(node, weight).is_none();
                alone &= aim.band(node).most >= u128::from(weight);
            }
        }
        // Each of their nodes ends with one of them: none has room for two.
        let two = u128::from(from_weight) * 2;
        alone &= start.active.iter().all(|node| aim.band(*node).most < two);
        if alone {
            (pinned.from_weight, pinned.lightest) = (Some(from_weight), lightest);
        }
        pinned
    }

    fn contains(&self, start: &World<'_>, aim: &Aim, shard: ShardAt) -> bool {
        self.from_weight
            .is_some_and(|from| aim.weight(start, shard) >= from)
    }

    /// What a node can lose by trading its shard for another of them.
    fn traded(&self, node: NodeAt) -> u128 {
        let own = self
            .by_node
            .get(&node)
            .filter(|_| self.from_weight.is_some());
        own.map_or(0, |own| u128::from(own.saturating_sub(self.lightest)))
    }
}

/// How many further moves bring `missing`.
fn supplement(
    start: &World<'_>,
    aim: &Aim,
    homes: &mut Homes,
    givers: &mut Column<NodeAt, Option<Giver>>,
    counted: &impl Fn(ShardAt) -> bool,
    mut missing: u128,
) -> usize {
    // Takes the next heaviest of a node; answers what that adds.
    let mut add = |givers: &mut Column<NodeAt, Option<Giver>>, node: NodeAt| -> Option<u128> {
        let giver = givers[node].as_mut()?;
        let before = giver.supply();
        if before == giver.spare {
            return None;
        }
        let shards = homes.heaviest_first(start, aim, node);
        loop {
            let shard = *shards.get(giver.next)?;
            giver.next += 1;
            if !counted(shard) {
                giver.given += u128::from(aim.weight(start, shard));
                let added = giver.supply() - before;
                return (added > 0).then_some(added);
            }
        }
    };
    let mut heap = BinaryHeap::new();
    for node in &start.active {
        if let Some(added) = add(givers, *node) {
            heap.push((added, Reverse(*node)));
        }
    }
    let mut moves = 0;
    while missing > 0
        && let Some((added, Reverse(node))) = heap.pop()
    {
        moves += 1;
        missing = missing.saturating_sub(added);
        if let Some(added) = add(givers, node) {
            heap.push((added, Reverse(node)));
        }
    }
    moves
}

/// The fewest moves into the nodes that lack these amounts.
fn by_receivers(start: &World<'_>, aim: &Aim, lacks: Vec<u128>) -> usize {
    let Some(most) = lacks.iter().max().copied() else {
        return 0;
    };
    let free = start.shards.places().filter(|shard| start.is_free(*shard));
    let mut weights: Vec<u64> = free.map(|shard| aim.weight(start, shard)).collect();
    weights.sort_unstable_by_key(|weight| Reverse(*weight));
    // The weight of the heaviest, of the two heaviest, and so on, as far as anybody lacks as much.
    let mut sum = 0_u128;
    let mut sums = Vec::new();
    for weight in weights {
        if sum >= most {
            break;
        }
        sum += u128::from(weight);
        sums.push(sum);
    }
    let fewest = |lack: u128| (sums.partition_point(|sum| *sum < lack) + 1).min(sums.len());
    lacks.into_iter().map(fewest).sum()
}
