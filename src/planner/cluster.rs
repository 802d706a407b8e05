//! The cluster that a plan is made for, checked and in columns: what does not change while a plan is
//! made.

use std::collections::BTreeMap;

use super::checked::{check_resources, nodes, shards, too_many_values};
use super::column::{Column, NodeAt, Place as _, ShardAt};
use super::groups::Groups;
use super::lookup::Lookup;
use super::sums::Sums;
use super::weights::Weights;
use super::{
    Availability, InFlightMove, Input, NodeInput, PlanError, Policy, Refusal, Resource, ShardInput,
    Wrong,
};
use crate::schema::{NodeId, ShardId};

/// Whether a shard is moved at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Free,
    Pinned,
    Quarantined,
    InFlight,
}

/// A move under way whose shard and nodes are listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    pub(super) shard: ShardAt,
    pub(super) from: NodeAt,
    pub(super) to: NodeAt,
}

/// How far moves have come.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Done,
    /// Done, and the shards stay where they are for now.
    Held,
    InFlight,
}

/// A cluster and what is asked of its plan.
#[derive(Clone, Debug)]
pub(super) struct Cluster<'a> {
    pub(super) policy: &'a Policy,
    pub(super) nodes: Column<NodeAt, &'a NodeInput>,
    pub(super) shards: Column<ShardAt, &'a ShardInput>,
    pub(super) owner: Column<ShardAt, NodeAt>,
    pub(super) stay: Column<ShardAt, Stay>,
    /// Whether any node may have a shard.
    is_welcome: Column<ShardAt, bool>,
    pub(super) under_way: Vec<UnderWay>,
    /// Between which nodes moves are under way, listed or not.
    pub(super) busy: Vec<(Option<NodeAt>, Option<NodeAt>)>,
    /// The active nodes, by id.
    pub(super) active: Vec<NodeAt>,
    /// Shards that may not be where they are, and why.
    pub(super) banned: Vec<(ShardAt, Wrong)>,
    pub(super) groups: Groups,
    /// Copies that have to go and take up room until they are gone.
    pub(super) old_copies: Vec<(NodeAt, ShardAt)>,
    /// What the shards that each node owns use.
    pub(super) owned: Sums,
    resources: Vec<Resource>,
    bytes: Option<Resource>,
    /// By the place of the resource.
    weights: Vec<Weights>,
    /// By node and resource.
    capacity: Vec<Option<u64>>,
    /// Nodes that refuse a shard because of what was there.
    refused: BTreeMap<ShardAt, Vec<(NodeId, Refusal)>>,
}

impl<'a> Cluster<'a> {
    pub(super) fn new(input: &'a Input, policy: &'a Policy) -> Result<Self, PlanError> {
        check_resources(input, policy)?;
        let nodes: Column<NodeAt, &NodeInput> = nodes(input)?.into();
        let lookup = Lookup::new(nodes.values().iter().map(|node| node.id.0));
        let shards: Column<ShardAt, &ShardInput> = shards(input)?.into();
        let resources: Vec<Resource> = input.resources.iter().collect();
        let mut weights: Vec<Weights> = Vec::new();
        weights.resize_with(resources.len(), || Weights::Elsewhere);
        for resource in policy.priorities() {
            if let Some(weights) = weights.get_mut(resource.index()) {
                *weights = Weights::Same(0, 0);
            }
        }
        let mut owner = Vec::with_capacity(shards.len());
        let mut stay = Vec::with_capacity(shards.len());
        let mut is_welcome = Vec::with_capacity(shards.len());
        let mut owned = Sums::new(nodes.len(), resources.len());
        let mut groups = false;
        // One look at each: what is needed of them often goes into columns.
        for shard in shards.values() {
            if shard.weights.exceeds(resources.len()) {
                return Err(too_many_values("shard", shard.id.0, resources.len()));
            }
            let place = lookup.find(shard.owner.0);
            let node = NodeAt::new(place.ok_or(PlanError::UnknownOwner {
                shard: shard.id,
                owner: shard.owner,
                nodes: nodes.len(),
            })?);
            owned.add(node, shard);
            owner.push(node);
            stay.push(if shard.pinned {
                Stay::Pinned
            } else {
                Stay::Free
            });
            let lists = [&shard.allowed, &shard.disallowed, &shard.replicas];
            is_welcome.push(lists.iter().all(|list| list.is_empty()));
            groups |= shard.group.is_some();
            for (at, weights) in weights.iter_mut().enumerate() {
                weights.push(shard.weights.at(at), shards.len());
            }
        }
        let grouped = if groups { shards.values() } else { &[] };
        let active = nodes.iter();
        let active = active.filter(|(_, node)| node.state == Availability::Active);
        let capacity = nodes.values().iter();
        let mut cluster = Self {
            policy,
            owner: owner.into(),
            stay: stay.into(),
            is_welcome: is_welcome.into(),
            under_way: Vec::new(),
            busy: Vec::new(),
            active: active.map(|(place, _)| place).collect(),
            banned: Vec::new(),
            groups: Groups::new(&nodes, grouped, policy.min_zones_per_group()),
            old_copies: Vec::new(),
            owned,
            bytes: input.resources.by_name("bytes"),
            weights,
            capacity: capacity
                .flat_map(|node| resources.iter().map(|one| node.capacity.get(*one)))
                .collect(),
            refused: BTreeMap::new(),
            resources,
            nodes,
            shards,
        };
        cluster.hold(input, &lookup)?;
        cluster.refuse(input, &lookup);
        cluster.banned = cluster.banned_now();
        Ok(cluster)
    }

    fn banned_now(&self) -> Vec<(ShardAt, Wrong)> {
        let wrong = |shard| Some((shard, self.banned_where_it_is(shard)?));
        self.shards.places().filter_map(wrong).collect()
    }

    /// This cluster once these moves have come so far.
    pub(super) fn after(&self, moves: impl Iterator<Item = (ShardAt, NodeAt)>, when: When) -> Self {
        let mut after = self.clone();
        for (shard, to) in moves {
            let from = self.owner[shard];
            match when {
                When::Done | When::Held => {
                    after.owned.subtract(from, self.shards[shard]);
                    after.owned.add(to, self.shards[shard]);
                    after.owner[shard] = to;
                }
                When::InFlight => {
                    after.under_way.push(UnderWay { shard, from, to });
                    after.busy.push((Some(from), Some(to)));
                }
            }
            match when {
                When::Done => {}
                When::Held | When::InFlight => after.stay[shard] = Stay::InFlight,
            }
        }
        after.banned = after.banned_now();
        after
    }

    /// Takes note of further shards that are not moved.
    fn hold(&mut self, input: &Input, lookup: &Lookup) -> Result<(), PlanError> {
        for id in &input.quarantined {
            if let Some(shard) = self.find_shard(*id) {
                self.stay[shard] = Stay::Quarantined;
            }
        }
        let mut targets = BTreeMap::new();
        let mut in_flight: Vec<&InFlightMove> = input.in_flight.iter().collect();
        in_flight.sort_by_key(|moving| (moving.shard, moving.to));
        for moving in in_flight {
            if let Some(first) = targets.insert(moving.shard, moving.to) {
                return Err(PlanError::DuplicateInFlight {
                    shard: moving.shard,
                    first,
                    second: moving.to,
                });
            }
            let place = |id: NodeId| lookup.find(id.0).map(NodeAt::new);
            self.busy.push((place(moving.from), place(moving.to)));
            let Some(shard) = self.find_shard(moving.shard) else {
                continue;
            };
            self.stay[shard] = Stay::InFlight;
            // A move between nodes that are not listed holds the shard and counts nowhere.
            let owner = self.owner[shard];
            self.under_way.push(UnderWay {
                shard,
                from: place(moving.from).unwrap_or(owner),
                to: place(moving.to).unwrap_or(owner),
            });
        }
        Ok(())
    }

    /// Takes note of the nodes that refuse a shard because of what was there.
    fn refuse(&mut self, input: &Input, lookup: &Lookup) {
        let settling = input.cleanups.iter();
        let settling = settling.map(|(node, shard)| (*shard, *node, Refusal::Cleanup));
        let cooling = input.cooling.iter();
        let cooling = cooling.map(|one| (one.shard, one.from, Refusal::Cooling));
        for (shard, node, refusal) in settling.chain(cooling) {
            if let Some(shard) = self.find_shard(shard) {
                let refused = self.refused.entry(shard).or_default();
                refused.push((node, refusal));
            }
        }
        for (node, shard) in &input.cleanups {
            if let (Some(node), Some(shard)) = (lookup.find(node.0), self.find_shard(*shard)) {
                self.old_copies.push((NodeAt::new(node), shard));
            }
        }
        self.old_copies.sort_unstable();
        self.old_copies.dedup();
    }

    fn banned_where_it_is(&self, shard: ShardAt) -> Option<Wrong> {
        if self.stay[shard] == Stay::InFlight {
            return None;
        }
        let node = self.owner[shard];
        match self.nodes[node].state {
            Availability::Draining => Some(Wrong::Draining),
            Availability::Active | Availability::NoAccept => {
                self.ban(shard, node).map(Wrong::Refused)
            }
            Availability::Down => None,
        }
    }

    pub(super) fn find_shard(&self, id: ShardId) -> Option<ShardAt> {
        let found = self.shards.values().binary_search_by_key(&id, |one| one.id);
        found.ok().map(ShardAt::new)
    }

    pub(super) fn find_node(&self, id: NodeId) -> Option<NodeAt> {
        let found = self.nodes.values().binary_search_by_key(&id, |one| one.id);
        found.ok().map(NodeAt::new)
    }

    pub(super) fn resources(&self) -> &[Resource] {
        &self.resources
    }

    pub(super) fn is(&self, node: NodeAt, state: Availability) -> bool {
        self.nodes[node].state == state
    }

    pub(super) fn is_free(&self, shard: ShardAt) -> bool {
        self.stay[shard] == Stay::Free
    }

    pub(super) fn weight(&self, shard: ShardAt, resource: Resource) -> u64 {
        match self.weights.get(resource.index()) {
            Some(Weights::Same(weight, _)) => *weight,
            Some(Weights::Each(weights)) => weights.get(shard.at()).copied().unwrap_or_default(),
            Some(Weights::Elsewhere) | None => self.shards[shard].weights.get(resource),
        }
    }

    /// The size of a shard. Zero where bytes are no resource.
    pub(super) fn bytes(&self, shard: ShardAt) -> u64 {
        self.bytes.map_or(0, |bytes| self.weight(shard, bytes))
    }

    /// Whether `resource` is what shards take up in bytes.
    pub(super) fn is_bytes(&self, resource: Resource) -> bool {
        self.bytes == Some(resource)
    }

    /// The most that a node can hold of each resource, in their order.
    pub(super) fn capacity(&self, node: NodeAt) -> &[Option<u64>] {
        let width = self.resources.len();
        let start = node.at().saturating_mul(width);
        self.capacity
            .get(start..start.saturating_add(width))
            .unwrap_or_default()
    }

    /// Why a node may not have a shard, whatever else is there.
    pub(super) fn ban(&self, shard: ShardAt, node: NodeAt) -> Option<Refusal> {
        if self.is_welcome[shard] {
            return None;
        }
        let (input, id) = (self.shards[shard], self.nodes[node].id);
        if !input.allowed.is_empty() && !input.allowed.contains(&id) {
            return Some(Refusal::NotAllowed);
        }
        if input.disallowed.contains(&id) {
            return Some(Refusal::Disallowed);
        }
        if input.replicas.contains(&id) {
            return Some(Refusal::Replica);
        }
        None
    }

    /// Why a node refuses a shard because of what was there.
    pub(super) fn trace(&self, shard: ShardAt, node: NodeAt) -> Option<Refusal> {
        if self.refused.is_empty() {
            return None;
        }
        let id = self.nodes[node].id;
        let refused = self.refused.get(&shard)?.iter();
        let here = refused.filter(|(refusing, _)| *refusing == id);
        here.map(|(_, refusal)| *refusal).min()
    }
}
