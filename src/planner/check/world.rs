use std::collections::{BTreeMap, BTreeSet};

use crate::planner::{
    Availability, InFlightMove, Input, NodeInput, PerResource, Refusal, Resource, ShardInput,
};
use crate::schema::{NodeId, ShardId};

/// The cluster while a plan is replayed: who holds what.
pub(super) struct World<'a> {
    pub(super) nodes: BTreeMap<NodeId, &'a NodeInput>,
    pub(super) shards: BTreeMap<ShardId, &'a ShardInput>,
    pub(super) in_flight: BTreeMap<ShardId, InFlightMove>,
    pub(super) quarantined: BTreeSet<ShardId>,
    cleanups: BTreeSet<(NodeId, ShardId)>,
    cooling: BTreeSet<(NodeId, ShardId)>,
    /// What each node holds, a shard in flight at its target.
    pub(super) loads: BTreeMap<NodeId, PerResource<u128>>,
    /// What each node is charged: every copy that it has or is about to get.
    charged: BTreeMap<NodeId, PerResource<u128>>,
    members: BTreeMap<NodeId, BTreeMap<u64, usize>>,
    /// Source copies that exist until the end of the wave.
    leaving: Vec<(NodeId, ShardId)>,
}

impl<'a> World<'a> {
    pub(super) fn new(input: &'a Input) -> Self {
        let mut world = Self {
            nodes: input.nodes.iter().map(|n| (n.id, n)).collect(),
            shards: input.shards.iter().map(|s| (s.id, s)).collect(),
            in_flight: input.in_flight.iter().map(|m| (m.shard, *m)).collect(),
            quarantined: input.quarantined.iter().copied().collect(),
            cleanups: input.cleanups.iter().copied().collect(),
            cooling: input.cooling.iter().map(|c| (c.from, c.shard)).collect(),
            loads: input
                .nodes
                .iter()
                .map(|n| (n.id, PerResource::default()))
                .collect(),
            charged: BTreeMap::new(),
            members: BTreeMap::new(),
            leaving: Vec::new(),
        };
        for shard in &input.shards {
            let mut copies = BTreeSet::from([shard.owner]);
            let mut holder = shard.owner;
            if let Some(moving) = world.in_flight.get(&shard.id) {
                copies.extend([moving.from, moving.to]);
                holder = moving.to;
            }
            for node in copies {
                world.put_copy(node, shard);
            }
            world.count(holder, shard, true);
        }
        world
    }

    fn put_copy(&mut self, node: NodeId, shard: &ShardInput) {
        let charged = self.charged.entry(node).or_default();
        *charged = PerResource::from_fn(|r| charged.get(r) + u128::from(*shard.weights.get(r)));
        if let Some(group) = shard.group {
            *self
                .members
                .entry(node)
                .or_default()
                .entry(group.0)
                .or_default() += 1;
        }
    }

    fn drop_copy(&mut self, node: NodeId, shard: &ShardInput) {
        let charged = self.charged.entry(node).or_default();
        *charged = PerResource::from_fn(|r| charged.get(r) - u128::from(*shard.weights.get(r)));
        if let Some(group) = shard.group {
            *self
                .members
                .entry(node)
                .or_default()
                .entry(group.0)
                .or_default() -= 1;
        }
    }

    fn count(&mut self, node: NodeId, shard: &ShardInput, arrives: bool) {
        let Some(load) = self.loads.get_mut(&node) else {
            return;
        };
        *load = PerResource::from_fn(|r| {
            let weight = u128::from(*shard.weights.get(r));
            if arrives {
                load.get(r) + weight
            } else {
                load.get(r) - weight
            }
        });
    }

    /// Ends the wave: what has left is gone.
    pub(super) fn end_wave(&mut self) {
        for (node, id) in std::mem::take(&mut self.leaving) {
            if let Some(shard) = self.shards.get(&id).copied() {
                self.drop_copy(node, shard);
            }
        }
    }

    /// Why `to` would not take `shard` even with the copies gone that this wave leaves behind.
    pub(super) fn refusal_after_wave(
        &mut self,
        shard: &ShardInput,
        to: &NodeInput,
    ) -> Option<Refusal> {
        let leaving: Vec<_> = self
            .leaving
            .iter()
            .filter(|(node, _)| *node == to.id)
            .collect();
        let leaving: Vec<&ShardInput> = leaving
            .iter()
            .filter_map(|(_, id)| self.shards.get(id).copied())
            .collect();
        for gone in &leaving {
            self.drop_copy(to.id, gone);
        }
        let refusal = self.refusal(shard, to);
        for back in &leaving {
            self.put_copy(to.id, back);
        }
        refusal
    }

    /// Carries out a move; the source keeps its copy until the wave ends.
    pub(super) fn carry_out(&mut self, shard: &ShardInput, from: NodeId, to: NodeId) {
        self.put_copy(to, shard);
        self.count(from, shard, false);
        self.count(to, shard, true);
        self.leaving.push((from, shard.id));
    }

    /// Why `to` must not take `shard` now.
    pub(super) fn refusal(&self, shard: &ShardInput, to: &NodeInput) -> Option<Refusal> {
        let key = (to.id, shard.id);
        if !shard.allowed.is_empty() && !shard.allowed.contains(&to.id) {
            Some(Refusal::NotAllowed)
        } else if shard.disallowed.contains(&to.id) {
            Some(Refusal::Disallowed)
        } else if shard.replicas.contains(&to.id) {
            Some(Refusal::Replica)
        } else if self.cleanups.contains(&key) {
            Some(Refusal::Cleanup)
        } else if self.cooling.contains(&key) {
            Some(Refusal::Cooling)
        } else if self.has_member(shard, to.id) {
            Some(Refusal::Group)
        } else {
            self.lacks(shard, to).map(Refusal::Full)
        }
    }

    fn has_member(&self, shard: &ShardInput, node: NodeId) -> bool {
        let (Some(group), Some(members)) = (shard.group, self.members.get(&node)) else {
            return false;
        };
        members.get(&group.0).is_some_and(|count| *count > 0)
    }

    fn lacks(&self, shard: &ShardInput, to: &NodeInput) -> Option<Resource> {
        let charged = self.charged.get(&to.id).copied().unwrap_or_default();
        Resource::ALL.into_iter().find(|&resource| {
            let weight = u128::from(*shard.weights.get(resource));
            let after = charged.get(resource) + weight;
            to.capacity
                .get(resource)
                .is_some_and(|most| weight > 0 && after > u128::from(most))
        })
    }

    /// What makes `shard` immovable.
    pub(super) fn immovable(&self, shard: &ShardInput) -> Option<&'static str> {
        if shard.pinned {
            Some("pinned")
        } else if self.quarantined.contains(&shard.id) {
            Some("quarantined")
        } else if self.in_flight.contains_key(&shard.id) {
            Some("in flight")
        } else {
            None
        }
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &'a NodeInput> + '_ {
        let nodes = self.nodes.values().copied();
        nodes.filter(|node| node.state == Availability::Active)
    }

    pub(super) fn load(&self, node: NodeId, resource: Resource) -> u128 {
        self.loads.get(&node).map_or(0, |load| *load.get(resource))
    }
}
