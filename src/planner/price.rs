//! What giant shards cost where they come: a bound by prices.

use super::Availability;
use super::aim::Aim;
use super::column::{Column, NodeAt, ShardAt};
use super::cover::{Cover, Covers};
use super::world::World;

/// What one move counts, in the unit of prices.
const MOVE: i128 = 32;

/// The price of room goes up so often for each shard that makes room.
const STEPS: u128 = 4;

/// What one step costs.
const STEP_PRICE: i128 = 8;

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
    covers: &Covers,
    must_leave: impl Iterator<Item = ShardAt>,
    known_moves: usize,
) -> usize {
    let heaviest = covers.heaviest();
    let width = aim.width(start);
    if u128::from(heaviest) / 2 <= width {
        return known_moves;
    }
    let side = |node| Side {
        leaving: Vec::new(),
        cover: covers.of(node),
        bounds: start
            .is(node, Availability::Active)
            .then(|| (start.load(node, aim.resource), aim.band(node).most)),
    };
    let sides: Vec<Side<'_>> = start.nodes.places().map(side).collect();
    let mut sides: Column<NodeAt, Side<'_>> = sides.into();
    for shard in must_leave {
        sides[start.at(shard)]
            .leaving
            .push(aim.weight(start, shard));
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
fn room(sides: &[Side<'_>], light: u64) -> Vec<u128> {
    let mut by_rank: Vec<(u128, u128)> = Vec::new();
    for side in sides.iter().filter(|side| side.bounds.is_some()) {
        let shards = side.cover.heaviest();
        let from = shards.partition_point(|weight| *weight > light);
        let lights = shards.iter().skip(from).take(ROOM_SHARDS);
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
struct Side<'c> {
    /// The weights of the shards that have to leave.
    leaving: Vec<u64>,
    /// Of an active node, the others that may.
    cover: &'c Cover,
    /// What it holds and the most that it should, of an active node.
    bounds: Option<(u128, u128)>,
}

impl Side<'_> {
    /// The least that this node adds to the moves of any plan.
    fn least(&self, price: &Price<'_>) -> i128 {
        let mut given = Given::default();
        for weight in &self.leaving {
            given.add(*weight, price);
        }
        let Some((load, most)) = self.bounds else {
            return given.cost;
        };
        let charged = self.cover.heaviest().iter().take(CHARGED);
        let charged = charged
            .take_while(|weight| price.of(u128::from(**weight)) > 0)
            .count();
        let mut search = Search {
            price,
            must: load.saturating_sub(most),
            room: most.saturating_sub(load),
            cover: self.cover,
            charged,
            least: i128::MAX,
        };
        let charged = self.cover.heaviest().get(..charged);
        search.each_choice(charged.unwrap_or_default(), given);
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
    /// Its shards, of which the first are charged.
    cover: &'a Cover,
    charged: usize,
    least: i128,
}

impl Search<'_> {
    /// With each choice of the charged shards.
    fn each_choice(&mut self, charged: &[u64], given: Given) {
        let Some((weight, rest)) = charged.split_first() else {
            let others = self.cover.count() - self.charged;
            return self.any_number(given, 0, others + 1);
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
        let Some(most) = to.checked_sub(1) else {
            return;
        };
        let before = self.cover.weight_of(self.charged);
        let sum = self.cover.weight_of(self.charged + most) - before;
        let given_most = given.weight.saturating_add(sum);
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
