//! What giant shards cost where they end: a bound by the best host of each.

use super::aim::Aim;
use super::column::{Column, NodeAt};
use super::cover::{Cover, Covers};
use super::matching::prices;
use super::world::World;

/// At most so many giants are looked at.
const GIANTS_MAX: usize = 64;

/// At most so many steps are taken to match giants and nodes.
const WORK_MAX: usize = 4_000_000;

/// At most so many sets of giants are tried for one node.
const SETS_MAX: usize = 128;

/// At least so many shards move beside those that must leave, in any plan that brings every active node
/// into its band of `aim`. `covers` are the shards that may leave, and `leaving` is what must.
///
/// Of each active node the heaviest shard is a giant, if it is heavier than a band is wide. Whatever
/// giants a node ends with: of the others that it has, so many leave that what is left fits into its band
/// beside them. The fewest that can are the heaviest. So the moves are at least the sum of that over all
/// nodes, and one for each giant that ends elsewhere.
///
/// The least of this over all ways to place the giants is no less than with prices: each giant pays its
/// price, and the node where it ends gets it. With any prices, the sum of what the giants pay and of the
/// least over all sets that each node could end with, less what they pay it, is a bound. The best prices
/// for one giant on each node are those of the cheapest matching.
pub(super) fn by_hosts(
    start: &World<'_>,
    aim: &Aim,
    covers: &Covers,
    leaving: &Column<NodeAt, u128>,
) -> usize {
    Hosts::new(start, aim, covers, leaving).map_or(0, |hosts| hosts.least())
}

struct Giant {
    weight: u128,
    home: NodeAt,
}

/// A node that giants could end on.
struct Host<'c> {
    node: NodeAt,
    /// What it has room for in its band, or has too much, beside any giant and what must leave.
    room: u128,
    excess: u128,
    cover: &'c Cover,
    /// How many of the cover are giants: one or none.
    giants: usize,
}

impl Host<'_> {
    /// How many others leave it at least if giants of this weight end on it.
    fn leave(&self, giants: u128) -> i64 {
        let excess = (self.excess + giants).saturating_sub(self.room);
        i64::try_from(self.cover.fewest(self.giants, excess)).unwrap_or(i64::MAX)
    }
}

struct Hosts<'c> {
    giants: Vec<Giant>,
    hosts: Vec<Host<'c>>,
}

impl<'c> Hosts<'c> {
    fn new(
        start: &World<'_>,
        aim: &Aim,
        covers: &'c Covers,
        leaving: &Column<NodeAt, u128>,
    ) -> Option<Self> {
        let width = aim.width(start);
        let heaviest = start.active.iter().filter_map(|node| {
            let weight = u128::from(*covers.of(*node).heaviest().first()?);
            (weight > width).then_some((weight, *node))
        });
        let mut giants: Vec<(u128, NodeAt)> = heaviest.collect();
        giants.sort_unstable_by(|one, other| other.cmp(one));
        let most = (WORK_MAX / start.active.len().max(1)).isqrt();
        giants.truncate(most.min(GIANTS_MAX).min(start.active.len()));
        let mut giant_of: Column<NodeAt, Option<u128>> = Column::of(start.nodes.len(), None);
        for (weight, node) in &giants {
            giant_of[*node] = Some(*weight);
        }
        let host = |node: NodeAt| {
            let gone = leaving[node] + giant_of[node].unwrap_or_default();
            let load = start.load(node, aim.resource).saturating_sub(gone);
            let most = aim.band(node).most;
            Host {
                node,
                room: most.saturating_sub(load),
                excess: load.saturating_sub(most),
                cover: covers.of(node),
                giants: usize::from(giant_of[node].is_some()),
            }
        };
        (!giants.is_empty()).then(|| Self {
            hosts: start.active.iter().copied().map(host).collect(),
            giants: giants
                .iter()
                .map(|(weight, home)| Giant {
                    weight: *weight,
                    home: *home,
                })
                .collect(),
        })
    }

    fn least(&self) -> usize {
        let costs = self.giants.iter().map(|giant| {
            let cost = |host: &Host<'_>| {
                host.leave(giant.weight) - host.leave(0) + i64::from(host.node != giant.home)
            };
            self.hosts.iter().map(cost).collect()
        });
        let costs: Vec<Vec<i64>> = costs.collect();
        let prices = prices(&costs, self.hosts.len());
        let least = self.hosts.iter().map(|host| {
            let offers = self.giants.iter().zip(&prices).map(|(giant, price)| Offer {
                weight: giant.weight,
                gain: price - i64::from(host.node != giant.home),
            });
            Sets::new(host, offers).least()
        });
        let least = least.sum::<i64>() + prices.iter().sum::<i64>();
        usize::try_from(least).unwrap_or_default()
    }
}

/// A giant, as one node sees it.
#[derive(Clone, Copy)]
struct Offer {
    weight: u128,
    /// What it pays, less its own move.
    gain: i64,
}

/// The sets of giants that a node could end with.
struct Sets<'h> {
    host: &'h Host<'h>,
    offers: Vec<Offer>,
    /// What the offers from each on could bring at most beside others, whatever the others are.
    hopes: Vec<i64>,
    least: i64,
    tries: usize,
}

impl<'h> Sets<'h> {
    fn new(host: &'h Host<'h>, offers: impl Iterator<Item = Offer>) -> Self {
        // Beside others, a giant makes no fewer leave than alone, but for one: what the last to leave for
        // the others weighs too much.
        let hope =
            |offer: &Offer| offer.gain - (host.leave(offer.weight) - host.leave(0) - 1).max(0);
        let offers: Vec<Offer> = offers.filter(|offer| hope(offer) > 0).collect();
        let mut hopes = vec![0];
        for offer in offers.iter().rev() {
            let rest = hopes.last().copied().unwrap_or_default();
            hopes.push(rest + hope(offer));
        }
        hopes.reverse();
        Self {
            host,
            offers,
            hopes,
            least: host.leave(0),
            tries: SETS_MAX,
        }
    }

    fn least(mut self) -> i64 {
        let none = self.least;
        self.extend(0, 0, 0);
        if self.tries == 0 {
            return none - self.hopes.first().copied().unwrap_or_default();
        }
        self.least
    }

    /// With any of the offers from `next` on beside `weight`, which brings `gain`.
    fn extend(&mut self, next: usize, weight: u128, gain: i64) {
        let cost = self.host.leave(weight) - gain;
        self.least = self.least.min(cost);
        for at in next..self.offers.len() {
            let hope = self.hopes.get(at).copied().unwrap_or_default();
            if cost - hope >= self.least || self.tries == 0 {
                return;
            }
            self.tries -= 1;
            if let Some(offer) = self.offers.get(at).copied() {
                self.extend(at + 1, weight + offer.weight, gain + offer.gain);
            }
        }
    }
}
