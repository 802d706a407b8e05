//! The cluster while a plan is made: who is where, and what each node holds.

use std::ops::Deref;

use super::cluster::{Cluster, When};
use super::column::{Column, NodeAt, ShardAt};
use super::groups::Copies;
use super::sums::Sums;
use super::{Refusal, Resource};

/// A cluster in which shards can be moved.
#[derive(Clone, Debug)]
pub(super) struct World<'a> {
    cluster: &'a Cluster<'a>,
    /// Where each shard counts: one in flight at its target.
    at: Column<ShardAt, NodeAt>,
    /// What each node holds.
    counted: Sums,
    /// What each node has to have room for: shards in flight at both ends, and old copies.
    charged: Sums,
    copies: Copies,
}

impl<'a> Deref for World<'a> {
    type Target = Cluster<'a>;

    fn deref(&self) -> &Cluster<'a> {
        self.cluster
    }
}

impl<'a> World<'a> {
    /// The cluster as it is.
    pub(super) fn new(cluster: &'a Cluster<'a>) -> Self {
        let mut at = cluster.owner.clone();
        let mut counted = cluster.owned.clone();
        let mut charged = cluster.owned.clone();
        let mut copies = Copies::default();
        if cluster.groups.are_there() {
            for (shard, owner) in cluster.owner.iter() {
                copies.enter(&cluster.groups, shard, *owner);
            }
        }
        let both_ends = cluster.policy.charges_both_ends();
        for moving in &cluster.under_way {
            let (shard, owner) = (cluster.shards[moving.shard], cluster.owner[moving.shard]);
            at[moving.shard] = moving.to;
            counted.subtract(owner, shard);
            counted.add(moving.to, shard);
            let mut ends = vec![moving.from, moving.to];
            ends.dedup();
            for node in ends.into_iter().filter(|node| *node != owner) {
                copies.enter(&cluster.groups, moving.shard, node);
                if both_ends || node == moving.to {
                    charged.add(node, shard);
                }
            }
            if !both_ends && owner != moving.to {
                charged.subtract(owner, shard);
            }
        }
        for (node, shard) in &cluster.old_copies {
            let mut moving = cluster.under_way.iter();
            let moving = moving.find(|moving| moving.shard == *shard);
            let is_end = moving.is_some_and(|moving| [moving.from, moving.to].contains(node));
            if cluster.owner[*shard] != *node && !is_end {
                charged.add(*node, cluster.shards[*shard]);
            }
        }
        Self {
            cluster,
            at,
            counted,
            charged,
            copies,
        }
    }

    /// Where a shard counts.
    pub(super) fn at(&self, shard: ShardAt) -> NodeAt {
        self.at[shard]
    }

    pub(super) fn is_moved(&self, shard: ShardAt) -> bool {
        self.at[shard] != self.owner[shard] && self.is_free(shard)
    }

    /// The shards that are moved, by id.
    pub(super) fn moved(&self) -> impl Iterator<Item = ShardAt> + '_ {
        self.shards.places().filter(|shard| self.is_moved(*shard))
    }

    /// The cluster once the moves that have led here have come so far.
    pub(super) fn after(&self, when: When) -> Cluster<'a> {
        let moves = self.moved().map(|shard| (shard, self.at(shard)));
        self.cluster.after(moves, when)
    }

    /// What a node holds, with shards in flight at their targets.
    pub(super) fn load(&self, node: NodeAt, resource: Resource) -> u128 {
        let load = self.counted.of(node).get(resource.index());
        load.copied().unwrap_or_default()
    }

    /// What a node holds of every resource.
    pub(super) fn loads(&self, node: NodeAt) -> &[u128] {
        self.counted.of(node)
    }

    /// The first resource of which a node holds more than it has room for. What leaves it already
    /// needs no further move, and old copies go by themselves.
    pub(super) fn overfull(&self, node: NodeAt) -> Option<Resource> {
        let mut sides = self.counted.of(node).iter().zip(self.capacity(node));
        let at = sides.position(|(counted, capacity)| {
            capacity.is_some_and(|capacity| *counted > u128::from(capacity))
        })?;
        self.resources().get(at).copied()
    }

    /// Of what the node of a shard holds too much, the first resource that the shard uses.
    pub(super) fn relieved_by(&self, shard: ShardAt) -> Option<Resource> {
        let mut resources = self.resources().iter().copied();
        resources.find(|one| {
            self.above_capacity(self.at[shard], *one) > 0 && self.weight(shard, *one) > 0
        })
    }

    /// How much more of `resource` a node holds than it has room for.
    pub(super) fn above_capacity(&self, node: NodeAt, resource: Resource) -> u128 {
        let capacity = self.nodes[node].capacity.get(resource);
        let load = self.load(node, resource);
        capacity.map_or(0, |capacity| load.saturating_sub(capacity.into()))
    }

    /// How much more of `resource` is charged to a node than it has room for.
    pub(super) fn overcharge(&self, node: NodeAt, resource: Resource) -> u128 {
        let charged = self.charged.of(node).get(resource.index());
        let charged = charged.copied().unwrap_or_default();
        let capacity = self.nodes[node].capacity.get(resource);
        capacity.map_or(0, |capacity| charged.saturating_sub(capacity.into()))
    }

    /// Why `to` does not take `shard` from where it is, when everything that left is gone.
    pub(super) fn refusal(&self, shard: ShardAt, to: NodeAt) -> Option<Refusal> {
        self.refusal_besides(shard, to, &[])
    }

    /// Why `to` does not take `shard`, with `besides` charged to it as well.
    pub(super) fn refusal_besides(
        &self,
        shard: ShardAt,
        to: NodeAt,
        besides: &[u128],
    ) -> Option<Refusal> {
        if let Some(refusal) = self.ban(shard, to).or_else(|| self.trace(shard, to)) {
            return Some(refusal);
        }
        if self.copies.of(&self.groups, shard, to) > 0 {
            return Some(Refusal::Group);
        }
        if self
            .groups
            .spreads_less(shard, self.at[shard], to, &self.at)
        {
            return Some(Refusal::Zone);
        }
        self.lacks(shard, to, besides).map(Refusal::Full)
    }

    /// The first resource of which `to` has too little room for `shard`.
    fn lacks(&self, shard: ShardAt, to: NodeAt, besides: &[u128]) -> Option<Resource> {
        let sides = self.charged.of(to).iter().zip(self.capacity(to));
        let at = sides.enumerate().position(|(at, (charged, capacity))| {
            let Some(capacity) = capacity else {
                return false;
            };
            let weight = u128::from(self.shards[shard].weights.at(at));
            let more = besides.get(at).copied().unwrap_or_default();
            weight > 0 && charged + more + weight > u128::from(*capacity)
        })?;
        self.resources().get(at).copied()
    }

    /// The most room that an active node has for each resource.
    pub(super) fn most_room(&self) -> Vec<u128> {
        let mut most = vec![0; self.resources().len()];
        for node in &self.active {
            let sides = self.charged.of(*node).iter().zip(self.capacity(*node));
            for (most, (charged, capacity)) in most.iter_mut().zip(sides) {
                let room = capacity.map_or(u128::MAX, |capacity| {
                    u128::from(capacity).saturating_sub(*charged)
                });
                *most = room.max(*most);
            }
        }
        most
    }

    /// Whether a shard uses more of a resource than this.
    pub(super) fn needs_more(&self, shard: ShardAt, than: &[u128]) -> bool {
        let mut than = than.iter().enumerate();
        let weights = &self.shards[shard].weights;
        than.any(|(at, most)| u128::from(weights.at(at)) > *most)
    }

    /// In how many zones the group of `shard` is, and in how many it should be.
    pub(super) fn spread(&self, shard: ShardAt) -> (usize, usize) {
        self.groups.spread(shard, &self.at)
    }

    /// Whether another shard of its group counts where a shard does.
    pub(super) fn is_crowded(&self, shard: ShardAt) -> bool {
        let at = self.at[shard];
        let mut members = self.groups.members(shard).iter();
        self.copies.of(&self.groups, shard, at) > 1
            && members.any(|other| *other != shard && self.at[*other] == at)
    }

    /// Lets a shard be at `to`, and nowhere else.
    pub(super) fn put(&mut self, shard: ShardAt, to: NodeAt) {
        let from = self.at[shard];
        let input = self.cluster.shards[shard];
        for sums in [&mut self.counted, &mut self.charged] {
            sums.subtract(from, input);
            sums.add(to, input);
        }
        self.copies.leave(&self.cluster.groups, shard, from);
        self.copies.enter(&self.cluster.groups, shard, to);
        self.at[shard] = to;
    }
}
