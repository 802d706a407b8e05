//! What a move is to bring nearer: the band of each node in the balanced resource.

use std::cmp::Ordering;

use super::band::{Claim, bands};
use super::cluster::Stay;
use super::column::{Column, NodeAt, ShardAt};
use super::world::World;
use super::{Availability, Band, Resource};

/// What a move that leaves a node outside its band must gain, as a part of its weight. The most
/// that it can gain is twice its weight; near zero, two nodes merely trade places.
const GAIN_PART: u128 = 16;

const MIB: u128 = 1 << 20;

/// Where the active nodes should be in one resource.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub(super) resource: Resource,
    bands: Column<NodeAt, Band>,
    /// Outside these, something is done.
    trigger: Column<NodeAt, Band>,
    /// Whether nodes are brought into their bands: one was outside its trigger band.
    pub(super) is_open: bool,
    /// The least weight that fits into no band but of a node that holds such a shard.
    oversized: Option<u64>,
}

impl Aim {
    /// The bands around the fair shares, as the shards are now.
    pub(super) fn new(world: &World<'_>, resource: Resource) -> Self {
        let floors = Floors::new(world, resource);
        let (trigger, _) = floors.bands(world, world.policy.trigger_ppm());
        let (bands, fits) = floors.bands(world, world.policy.target_ppm());
        Self {
            resource,
            bands,
            trigger,
            is_open: false,
            oversized: u64::try_from(fits)
                .ok()
                .and_then(|fits| fits.checked_add(1)),
        }
    }

    /// The bands that a plan states.
    pub(super) fn stated(resource: Resource, bands: Column<NodeAt, Band>) -> Self {
        Self {
            resource,
            trigger: bands.clone(),
            bands,
            is_open: true,
            oversized: None,
        }
    }

    /// Whether it aims at the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.bands.values() == other.bands.values()
            && self.trigger.values() == other.trigger.values()
    }

    /// Whether a node is so far from its share that something is to be done.
    pub(super) fn is_triggered(&self, world: &World<'_>) -> bool {
        let mut active = world.active.iter();
        active.any(|node| self.is_triggered_by(world, *node))
    }

    /// As [`Self::is_triggered`], of one node.
    pub(super) fn is_triggered_by(&self, world: &World<'_>, node: NodeAt) -> bool {
        world.is(node, Availability::Active)
            && !self.trigger[node].contains(world.load(node, self.resource))
    }

    pub(super) fn oversized(&self) -> Option<u64> {
        self.oversized
    }

    pub(super) fn band(&self, node: NodeAt) -> Band {
        self.bands[node]
    }

    /// How wide the widest band is.
    pub(super) fn width(&self, world: &World<'_>) -> u128 {
        let bands = world.active.iter().map(|node| self.bands[*node]);
        let widths = bands.map(|band| band.most.saturating_sub(band.least));
        widths.max().unwrap_or_default()
    }

    /// How much a node has above its band.
    pub(super) fn excess(&self, world: &World<'_>, node: NodeAt) -> u128 {
        world
            .load(node, self.resource)
            .saturating_sub(self.bands[node].most)
    }

    /// How much a node has below its band.
    pub(super) fn lack(&self, world: &World<'_>, node: NodeAt) -> u128 {
        self.bands[node]
            .least
            .saturating_sub(world.load(node, self.resource))
    }

    /// How much a node can lose without leaving its band below.
    pub(super) fn spare(&self, world: &World<'_>, node: NodeAt) -> u128 {
        world
            .load(node, self.resource)
            .saturating_sub(self.bands[node].least)
    }

    /// How much a node can gain without leaving its band above.
    pub(super) fn room(&self, world: &World<'_>, node: NodeAt) -> u128 {
        self.bands[node]
            .most
            .saturating_sub(world.load(node, self.resource))
    }

    /// The active nodes outside their bands.
    pub(super) fn outside<'s>(&'s self, world: &'s World<'_>) -> impl Iterator<Item = NodeAt> + 's {
        let outside = |node: &NodeAt| !self.bands[*node].contains(world.load(*node, self.resource));
        world.active.iter().copied().filter(outside)
    }

    pub(super) fn weight(&self, world: &World<'_>, shard: ShardAt) -> u64 {
        world.weight(shard, self.resource)
    }

    /// By how much the move of `shard` to `to` brings the two nodes closer to their bands, in sum.
    /// `None` when it does not, when it is not worth it, or when it lifts the receiver above where
    /// the donor was.
    ///
    /// It depends on nothing but the loads: whatever planned a move, planning again from where a plan
    /// ended asks the same.
    pub(super) fn gain(&self, world: &World<'_>, shard: ShardAt, to: NodeAt) -> Option<u128> {
        if !self.is_open {
            return None;
        }
        let gain = self.gain_of(world, self.weight(world, shard), world.at(shard), to)?;
        let least = world.policy.min_gain_per_mib();
        if least > 0 {
            let least = u128::from(least).saturating_mul(world.bytes(shard).into());
            return (gain.saturating_mul(MIB) >= least).then_some(gain);
        }
        Some(gain)
    }

    /// Whether the move of `shard` to `to` takes one of the two nodes further from its band.
    pub(super) fn worsens(&self, world: &World<'_>, shard: ShardAt, to: NodeAt) -> bool {
        self.worsens_by(world, self.weight(world, shard), world.at(shard), to)
    }

    /// As [`Self::worsens`], of any shard of this weight. Distances are convex: what holds for a weight
    /// holds for a greater one.
    pub(super) fn worsens_by(
        &self,
        world: &World<'_>,
        weight: u64,
        from: NodeAt,
        to: NodeAt,
    ) -> bool {
        let weight = u128::from(weight);
        let grows = |node, before, after| {
            let band: &Band = &self.bands[node];
            band.distance(after) > band.distance(before)
        };
        let from_load = world.load(from, self.resource);
        let to_load = world.load(to, self.resource);
        grows(from, from_load, from_load.saturating_sub(weight))
            || grows(to, to_load, to_load + weight)
    }

    /// As [`Self::gain`], of any shard of this weight. What holds for a weight holds for a smaller
    /// one: both what a move gains and what it must gain are such that the weights for which it is
    /// worth it start at one.
    pub(super) fn gain_of(
        &self,
        world: &World<'_>,
        weight: u64,
        from: NodeAt,
        to: NodeAt,
    ) -> Option<u128> {
        let load = |node| (node, world.load(node, self.resource));
        self.gain_between(world, weight, load(from), load(to))
    }

    /// As [`Self::gain_of`], if the two nodes held this.
    pub(super) fn gain_between(
        &self,
        world: &World<'_>,
        weight: u64,
        (from, from_before): (NodeAt, u128),
        (to, to_before): (NodeAt, u128),
    ) -> Option<u128> {
        let weight = u128::from(weight);
        let (from_after, to_after) = (from_before.saturating_sub(weight), to_before + weight);
        if from == to || cmp_level(world, (to, to_after), (from, from_before)) == Ordering::Greater
        {
            return None;
        }
        let (from_band, to_band) = (self.bands[from], self.bands[to]);
        let before = from_band.distance(from_before) + to_band.distance(to_before);
        let after = from_band.distance(from_after) + to_band.distance(to_after);
        let gain = before.checked_sub(after)?;
        let overshoots = from_after < from_band.least || to_after > to_band.most;
        let worth = !overshoots || gain.saturating_mul(GAIN_PART) >= weight;
        (gain > 0 && worth).then_some(gain)
    }
}

/// What keeps each node from having less.
struct Floors {
    resource: Resource,
    /// By node: the sum of what cannot leave, and the heaviest shard that can.
    held: Column<NodeAt, (u128, u128)>,
}

impl Floors {
    fn new(world: &World<'_>, resource: Resource) -> Self {
        let mut held: Column<NodeAt, (u128, u128)> = Column::of(world.nodes.len(), (0, 0));
        for shard in world.shards.places() {
            let weight = u128::from(world.weight(shard, resource));
            let (stuck, heaviest) = &mut held[world.at(shard)];
            // What is under way can leave once it is there: the next plan counts it so.
            match world.stay[shard] {
                Stay::Free | Stay::InFlight => *heaviest = weight.max(*heaviest),
                Stay::Pinned | Stay::Quarantined => *stuck += weight,
            }
        }
        Self { resource, held }
    }

    /// The bands, and the heaviest that fits into one of a node that holds nothing heavier. A shard
    /// that fits into no band is pinned by its size to whatever node it is on. With each that is found
    /// the others share less, and more may be too heavy.
    fn bands(&self, world: &World<'_>, ppm: u64) -> (Column<NodeAt, Band>, u128) {
        let (active, resource) = (&world.active, self.resource);
        let total = active.iter().map(|node| world.load(*node, resource)).sum();
        let claim = |node: &NodeAt, fits: u128| {
            let (stuck, heaviest) = self.held[*node];
            let pinned = if heaviest > fits { heaviest } else { 0 };
            Claim {
                weight: world.nodes[*node].weight,
                capacity: world.nodes[*node].capacity.get(resource),
                floor: stuck.max(pinned),
            }
        };
        let mut fits = u128::MAX;
        loop {
            let claims: Vec<Claim> = active.iter().map(|node| claim(node, fits)).collect();
            let by_node = bands(total, &claims, ppm);
            let heaviest = |node: &NodeAt| self.held[*node].1;
            let most = {
                let others = active.iter().zip(&by_node);
                let others = others.filter(|(node, _)| heaviest(node) <= fits);
                others.map(|(_, band)| band.most).max().unwrap_or(fits)
            };
            let is_new = |node: &NodeAt| heaviest(node) <= fits && heaviest(node) > most;
            if !active.iter().any(is_new) {
                let mut bands = Column::of(world.nodes.len(), Band { least: 0, most: 0 });
                for (node, band) in active.iter().zip(by_node) {
                    bands[*node] = band;
                }
                return (bands, most);
            }
            fits = most;
        }
    }
}

/// Whether a move helps the first balance that it matters to.
pub(super) fn helps(world: &World<'_>, aims: &[Aim], shard: ShardAt, to: NodeAt) -> bool {
    for aim in aims {
        if aim.gain(world, shard, to).is_some() {
            return true;
        }
        if aim.worsens(world, shard, to) {
            return false;
        }
    }
    false
}

/// Compares how full two nodes are with these loads: the loads relative to the weights of the nodes.
pub(super) fn cmp_level(
    world: &World<'_>,
    (one, one_load): (NodeAt, u128),
    (other, other_load): (NodeAt, u128),
) -> Ordering {
    let (weight, other_weight) = (world.nodes[one].weight, world.nodes[other].weight);
    if weight == other_weight {
        return one_load.cmp(&other_load);
    }
    let (left, right) = (
        one_load.saturating_mul(other_weight.into()),
        other_load.saturating_mul(weight.into()),
    );
    left.cmp(&right)
}

/// How full a node is with this load, roughly: for an order in which nodes are looked at.
pub(super) fn level(world: &World<'_>, node: NodeAt, load: u128) -> u128 {
    load.saturating_mul(MIB) / u128::from(world.nodes[node].weight.max(1))
}
