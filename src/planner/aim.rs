//! What a move is to bring nearer: the band of each node in the balanced resource.

use std::cmp::Ordering;

use super::band::{Claim, bands};
use super::column::{Column, NodeAt, ShardAt};
use super::world::{Stay, World};
use super::{Availability, Band, Resource};

/// What a move that leaves a node outside its band must gain, as a part of its weight. The most
/// that it can gain is twice its weight; near zero, two nodes merely trade places.
const GAIN_PART: u128 = 4;

const MIB: u128 = 1 << 20;

/// Where the active nodes should be in one resource.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub(super) resource: Resource,
    bands: Column<NodeAt, Band>,
    /// The active nodes, by id.
    pub(super) active: Vec<NodeAt>,
    /// Whether nodes are brought into their bands: one was outside its trigger band.
    pub(super) acts: bool,
    /// The least weight that fits into no band but of a node that holds such a shard.
    oversized: Option<u64>,
    bytes: Option<Resource>,
    min_gain_per_mib: u128,
}

impl Aim {
    /// The bands around the fair shares, `ppm` wide on each side, as the shards are now.
    pub(super) fn new(world: &World<'_>, resource: Resource, ppm: u64) -> Self {
        let mut floors: Column<NodeAt, (u128, u128)> = Column::of(world.nodes.len(), (0, 0));
        for shard in world.shards.places() {
            let weight = u128::from(world.weight(shard, resource));
            let (held, heaviest) = &mut floors[world.at(shard)];
            // What is under way can leave once it is there: the next plan counts it so.
            if world.is_free(shard) || world.stay[shard] == Stay::InFlight {
                *heaviest = weight.max(*heaviest);
            } else {
                *held += weight;
            }
        }
        let active: Vec<NodeAt> = world.nodes_in(Availability::Active).collect();
        let total = active.iter().map(|node| world.load(*node, resource)).sum();
        // A shard that fits into no band is pinned by its size to whatever node it is on. With each
        // that is found the others share less, and more may be too large.
        let mut fits = u128::MAX;
        let by_node = loop {
            let claims: Vec<Claim> = active
                .iter()
                .map(|node| {
                    let (held, heaviest) = floors[*node];
                    let pinned = if heaviest > fits { heaviest } else { 0 };
                    Claim {
                        weight: world.nodes[*node].weight,
                        capacity: world.nodes[*node].capacity.get(resource),
                        floor: held.max(pinned),
                    }
                })
                .collect();
            let bands = bands(total, &claims, ppm);
            let others = active
                .iter()
                .zip(&bands)
                .filter(|(node, _)| floors[**node].1 <= fits);
            let most = others.map(|(_, band)| band.most).max().unwrap_or(fits);
            let more = active
                .iter()
                .any(|node| (most + 1..=fits).contains(&floors[*node].1));
            if !more {
                fits = most;
                break bands;
            }
            fits = most;
        };
        let none = Band { least: 0, most: 0 };
        let mut bands = Column::of(world.nodes.len(), none);
        for (node, band) in active.iter().zip(by_node) {
            bands[*node] = band;
        }
        let bytes = world.resources().iter().find(|one| one.name() == "bytes");
        Self {
            resource,
            bands,
            active,
            acts: false,
            oversized: u64::try_from(fits)
                .ok()
                .and_then(|fits| fits.checked_add(1)),
            bytes: bytes.copied(),
            min_gain_per_mib: world.policy.min_gain_per_mib().into(),
        }
    }

    /// The bands that a plan states.
    pub(super) fn stated(
        world: &World<'_>,
        resource: Resource,
        bands: Column<NodeAt, Band>,
    ) -> Self {
        let bytes = world.resources().iter().find(|one| one.name() == "bytes");
        Self {
            resource,
            bands,
            active: world.nodes_in(Availability::Active).collect(),
            acts: true,
            oversized: None,
            bytes: bytes.copied(),
            min_gain_per_mib: world.policy.min_gain_per_mib().into(),
        }
    }

    pub(super) fn is_active(&self, node: NodeAt) -> bool {
        self.active.binary_search(&node).is_ok()
    }

    pub(super) fn oversized(&self) -> Option<u64> {
        self.oversized
    }

    pub(super) fn band(&self, node: NodeAt) -> Band {
        self.bands[node]
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
        self.active.iter().copied().filter(outside)
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
        if !self.acts {
            return None;
        }
        let gain = self.gain_of(world, self.weight(world, shard), world.at(shard), to)?;
        if self.min_gain_per_mib > 0
            && let Some(bytes) = self.bytes
        {
            let least = self
                .min_gain_per_mib
                .saturating_mul(world.weight(shard, bytes).into());
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
        let weight = u128::from(weight);
        let from_before = world.load(from, self.resource);
        let to_before = world.load(to, self.resource);
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
