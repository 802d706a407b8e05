//! What giant shards cost where they come: a bound by prices.

use std::cmp::Reverse;

use super::Availability;
use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::place::Forced;
use super::world::World;

/// What one move counts, in the unit of prices.
const MOVE: i128 = 32;

/// The price of room goes up so often for each shard that makes room.
const STEPS: u128 = 4;

/// What one step costs.
const STEP_PRICE: i128 = 8;

/// So many of the heaviest shards of a node are told apart; the next counts for all that are no heavier.
const TOLD_APART: usize = 256;

/// For so many shards that make room it is known how much; any further make as much as the last.
const ROOM_SHARDS: usize = 64;

/// What is at most this part of the heaviest shard is light.
const LIGHT_PART: u64 = 8;

/// Prices start between the width of a band and the heaviest shard: at so many places.
const START_PARTS: u128 = 8;

/// Where the first prices bring a bound that is less than what is known by more than this part of it, no
/// others are tried.
const WORSE_PART: i128 = 8;

/// So many shards that leave a node pay their prices; the others pay nothing.
const CHARGED: usize = 4;

/// The fewest moves of any plan that moves the shards that `must_leave`, and brings every active node
/// into its band of `aim`: `known_moves`, or more where giant shards make others leave.
///
/// Let each shard that moves have a price by its weight: its old node pays it, its new node gets it.
/// What is paid is what is got. So the moves are the sum, over all nodes, of the moves out of a node and
/// what it pays, less what it gets; and whatever the prices are, the least of that for each node, summed
/// up, is a bound. A few prices are tried.
///
/// An active node ends with at most the upper end of its band: what enters it weighs at most that, less
/// what it holds, and what leaves it. Prices are superadditive, that is, several shards cost at most as
/// much as one as heavy as all of them: the node gets at most the price of one that weighs as much. As
/// to what leaves it, each choice of its heaviest is tried. Of the others, so many give most when they
/// are the heaviest, and are taken to pay nothing. Both makes the bound only less. A node that is not
/// active gets nothing, and its shards that must leave pay.
///
/// The price of a weight is the number of light shards that make room for what it has beyond a start,
/// if each is as heavy as the heaviest of the nodes are in the mean. That is convex, and nothing at zero:
/// so it is superadditive, and remains so rounded down, and times a number.
pub(super) fn by_prices(
    start: &World<'_>,
    aim: &Aim,
    forced: &Forced,
    must_leave: &impl Fn(ShardAt) -> bool,
    known_moves: usize,
) -> usize {
    let free = start.shards.places().filter(|shard| start.is_free(*shard));
    let weight = |shard| aim.weight(start, shard);
    let heaviest = free.clone().map(weight).max().unwrap_or_default();
    let widths = start.active.iter().map(|node| aim.band(*node));
    let width = widths
        .map(|band| band.most.saturating_sub(band.least))
        .max();
    let width = width.unwrap_or(u128::MAX);
    if u128::from(heaviest) / 2 <= width {
        return known_moves;
    }
    let mut sides: Column<NodeAt, Side> = Column::of(start.nodes.len(), Side::default());
    for (shard, _) in forced.iter().filter(|(shard, _)| must_leave(**shard)) {
        sides[start.at(*shard)].leaving.push(weight(*shard));
    }
    for shard in free {
        let node = start.at(shard);
        let side = &mut sides[node];
        let is_active = start.is(node, Availability::Active);
        if is_active && (side.leaving.is_empty() || !must_leave(shard)) {
            side.shards.push(weight(shard));
        }
    }
    for node in &start.active {
        let side = &mut sides[*node];
        side.bounds = Some((start.load(*node, aim.resource), aim.band(*node).most));
        side.sort();
    }
    let room = room(sides.values(), heaviest / LIGHT_PART);
    let least_at = |part: u128, step: i128| {
        let price = Price {
            from: width + (u128::from(heaviest) - width) * part / START_PARTS,
            room: &room,
            step,
        };
        let least = sides.values().iter().map(|side| side.least(&price));
        least.fold(0, i128::saturating_add)
    };
    let known = i128::try_from(known_moves).unwrap_or(i128::MAX / MOVE) * MOVE;
    let (mut least, mut best) = (known - known / WORSE_PART, None);
    for part in (1..START_PARTS).rev() {
        let next = least_at(part, STEP_PRICE);
        if next < least {
            break;
        }
        (least, best) = (next, Some(part));
    }
    // A quarter more for each step may be better still, perhaps from a later start.
    for part in best.into_iter().flat_map(|best| [best, best + 1]) {
        least = least.max(least_at(part, STEP_PRICE + STEP_PRICE / 4));
    }
    let least = usize::try_from((least + MOVE - 1) / MOVE);
    least.map_or(known_moves, |least| least.max(known_moves))
}

/// The room that shards make that are as heavy as the nodes' heaviest light ones are in the mean: each
/// step of it, summed up. The steps grow no longer.
fn room(sides: &[Side], light: u64) -> Vec<u128> {
    let mut by_rank: Vec<(u128, u128)> = Vec::new();
    for side in sides.iter().filter(|side| side.bounds.is_some()) {
        let from = side.shards.partition_point(|weight| *weight > light);
        let lights = side.shards.iter().skip(from).take(ROOM_SHARDS);
        for (rank, weight) in lights.enumerate() {
            if by_rank.len() == rank {
                by_rank.push((0, 0));
            }
            if let Some((sum, nodes)) = by_rank.get_mut(rank) {
                *sum += u128::from(*weight);
                *nodes += 1;
            }
        }
    }
    let mut step = u128::MAX;
    let mut sum = 0;
    let mut sums = Vec::new();
    for (weight, nodes) in by_rank {
        step = step.min((weight / nodes).div_ceil(STEPS));
        if step == 0 {
            break;
        }
        for _ in 0..STEPS {
            sum += step;
            sums.push(sum);
        }
    }
    sums
}

/// What shards pay where they leave.
struct Price<'a> {
    /// What is no heavier pays nothing.
    from: u128,
    /// See [`room`].
    room: &'a [u128],
    step: i128,
}

impl Price<'_> {
    /// Up to the end of what is known; beyond it, as if each further step were as long as the last.
    fn of(&self, weight: u128) -> i128 {
        let Some(beyond) = weight.checked_sub(self.from) else {
            return 0;
        };
        let steps = self.room.partition_point(|sum| *sum <= beyond);
        let further = match self.room {
            [.., before, last] if beyond > *last && last > before => {
                (beyond - last) / (last - before)
            }
            _ => 0,
        };
        let steps = u128::try_from(steps).unwrap_or_default() + further;
        let steps = i128::try_from(steps).unwrap_or(i128::MAX);
        steps.saturating_mul(self.step)
    }
}

/// A node, as prices see it.
#[derive(Clone, Debug, Default)]
struct Side {
    /// The weights of the shards that have to leave.
    leaving: Vec<u64>,
    /// Of an active node, the weights of the others that may; once sorted, heaviest first, and any
    /// beyond [`TOLD_APART`] as heavy as the next.
    shards: Vec<u64>,
    /// What the first of them weigh at most, by their number, from none.
    sums: Vec<u128>,
    /// What it holds and the most that it should, of an active node.
    bounds: Option<(u128, u128)>,
}

impl Side {
    fn sort(&mut self) {
        let mut told_apart = self.shards.as_mut_slice();
        if told_apart.len() > TOLD_APART {
            let heaviest_first = |weight: &u64| Reverse(*weight);
            let (heavier, last, lighter) =
                told_apart.select_nth_unstable_by_key(TOLD_APART, heaviest_first);
            lighter.fill(*last);
            told_apart = heavier;
        }
        told_apart.sort_unstable_by_key(|weight| Reverse(*weight));
        let sums = self.shards.iter().scan(0, |sum, weight| {
            *sum += u128::from(*weight);
            Some(*sum)
        });
        self.sums = std::iter::once(0).chain(sums).collect();
    }

    /// The least that this node adds to the moves of any plan.
    fn least(&self, price: &Price<'_>) -> i128 {
        let mut given = Given::default();
        for weight in &self.leaving {
            given.add(*weight, price);
        }
        let Some((load, most)) = self.bounds else {
            return given.cost;
        };
        let charged = self.shards.iter().take(CHARGED);
        let charged = charged
            .take_while(|weight| price.of(u128::from(**weight)) > 0)
            .count();
        let (charged, _) = self.shards.split_at(charged);
        let sums = self.sums.get(charged.len()..).unwrap_or_default();
        let mut search = Search {
            price,
            must: load.saturating_sub(most),
            room: most.saturating_sub(load),
            before: sums.first().copied().unwrap_or_default(),
            sums,
            least: i128::MAX,
        };
        search.each_choice(charged, given);
        // No plan keeps this node in its band.
        if search.least == i128::MAX {
            return 0;
        }
        search.least
    }
}

/// What leaves a node: its weight, and the moves with their prices.
#[derive(Clone, Copy, Default)]
struct Given {
    weight: u128,
    cost: i128,
}

impl Given {
    fn add(&mut self, weight: u64, price: &Price<'_>) {
        let weight = u128::from(weight);
        self.weight += weight;
        self.cost += MOVE + price.of(weight);
    }
}

/// Looks for what a node gives at the least cost, less what it gets for what it takes.
struct Search<'a> {
    price: &'a Price<'a>,
    /// What it has above its band, and what it has room for.
    must: u128,
    room: u128,
    /// What the first shards weigh, by their number, from the charged ones on.
    sums: &'a [u128],
    /// What the charged ones weigh.
    before: u128,
    least: i128,
}

impl Search<'_> {
    /// With each choice of the charged shards.
    fn each_choice(&mut self, charged: &[u64], given: Given) {
        let Some((weight, rest)) = charged.split_first() else {
            return self.any_number(given, 0, self.sums.len());
        };
        self.each_choice(rest, given);
        let mut with = given;
        with.add(*weight, self.price);
        self.each_choice(rest, with);
    }

    /// With `from` light shards or more, and fewer than `to`. The more leave, the more they cost, and
    /// the more the node can take: half of the numbers are skipped where the fewest of them, with what
    /// the most bring, are no better.
    fn any_number(&mut self, given: Given, from: usize, to: usize) {
        let Some(sum) = to.checked_sub(1).and_then(|last| self.sums.get(last)) else {
            return;
        };
        let given_most = given.weight + (sum - self.before);
        let Some(taken) = given_most.saturating_add(self.room).checked_sub(self.must) else {
            return;
        };
        let moves = i128::try_from(from).unwrap_or(i128::MAX / MOVE);
        let paid = given.cost.saturating_add(moves * MOVE);
        let cost = paid.saturating_sub(self.price.of(taken));
        if cost >= self.least {
            return;
        }
        if to - from == 1 {
            self.least = cost;
            return;
        }
        let middle = from.midpoint(to);
        self.any_number(given, from, middle);
        self.any_number(given, middle, to);
    }
}
