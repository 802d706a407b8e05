//! The cluster while a plan is made: who is where, and what each node holds.

use std::collections::BTreeMap;

use super::column::{Column, NodeAt, Place as _, ROWS_MAX, ShardAt};
use super::groups::Groups;
use super::lookup::Lookup;
use super::{Availability, Input, NodeInput, PlanError, Policy, Refusal, Resource, ShardInput};
use crate::schema::NodeId;

/// The most nodes of one plan: 32 bits of weight each must add up to at most 52.
const NODES_MAX: usize = 1 << 20;

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

/// A cluster in which shards can be moved.
#[derive(Clone, Debug)]
pub(super) struct World<'a> {
    pub(super) policy: &'a Policy,
    pub(super) nodes: Column<NodeAt, &'a NodeInput>,
    pub(super) shards: Column<ShardAt, &'a ShardInput>,
    pub(super) owner: Column<ShardAt, NodeAt>,
    pub(super) stay: Column<ShardAt, Stay>,
    pub(super) under_way: Vec<UnderWay>,
    /// Between which nodes moves are under way, listed or not.
    pub(super) busy: Vec<(Option<NodeAt>, Option<NodeAt>)>,
    /// Where each shard counts: one in flight at its target.
    at: Column<ShardAt, NodeAt>,
    resources: Vec<Resource>,
    /// What each node holds, resource by resource.
    counted: Column<NodeAt, Box<[u128]>>,
    /// What each node has to have room for: shards in flight at both ends.
    charged: Column<NodeAt, Box<[u128]>>,
    capacity: Column<NodeAt, Box<[Option<u64>]>>,
    groups: Groups,
    /// Copies that have to go and take up room until they are gone.
    old_copies: Vec<(NodeAt, ShardAt)>,
    /// Nodes that refuse a shard because of what was there.
    refused: BTreeMap<ShardAt, Vec<(NodeId, Refusal)>>,
}

impl<'a> World<'a> {
    pub(super) fn new(input: &'a Input, policy: &'a Policy) -> Result<Self, PlanError> {
        check_resources(input, policy)?;
        let nodes: Column<NodeAt, &NodeInput> = nodes(input)?.into();
        let lookup = Lookup::new(nodes.values().iter().map(|node| node.id.0));
        let shards: Column<ShardAt, &ShardInput> = shards(input)?.into();
        let mut owner = Vec::with_capacity(shards.len());
        for shard in shards.values() {
            let place = lookup.find(shard.owner.0);
            owner.push(NodeAt::new(place.ok_or(PlanError::UnknownOwner {
                shard: shard.id,
                owner: shard.owner,
                nodes: nodes.len(),
            })?));
        }
        let owner: Column<ShardAt, NodeAt> = owner.into();
        let stay = |shard: &&ShardInput| {
            if shard.pinned {
                Stay::Pinned
            } else {
                Stay::Free
            }
        };
        let resources: Vec<Resource> = input.resources.iter().collect();
        let nothing: Box<[u128]> = vec![0; resources.len()].into();
        let capacity = |node: &&NodeInput| -> Box<[Option<u64>]> {
            resources
                .iter()
                .map(|resource| node.capacity.get(*resource))
                .collect()
        };
        let mut world = Self {
            policy,
            stay: shards.values().iter().map(stay).collect::<Vec<_>>().into(),
            under_way: Vec::new(),
            busy: Vec::new(),
            at: owner.clone(),
            counted: Column::of(nodes.len(), nothing.clone()),
            charged: Column::of(nodes.len(), nothing),
            capacity: nodes
                .values()
                .iter()
                .map(capacity)
                .collect::<Vec<_>>()
                .into(),
            groups: Groups::new(&nodes, &shards, policy.min_zones_per_group()),
            old_copies: Vec::new(),
            refused: BTreeMap::new(),
            resources,
            nodes,
            shards,
            owner,
        };
        let shard_at = |id| {
            let found = world
                .shards
                .values()
                .binary_search_by_key(&id, |shard| shard.id);
            found.ok().map(ShardAt::new)
        };
        for id in &input.quarantined {
            if let Some(shard) = shard_at(*id) {
                world.stay[shard] = Stay::Quarantined;
            }
        }
        let mut targets = BTreeMap::new();
        for moving in &input.in_flight {
            if let Some(first) = targets.insert(moving.shard, moving.to) {
                return Err(PlanError::DuplicateInFlight {
                    shard: moving.shard,
                    first,
                    second: moving.to,
                });
            }
            let place = |id: NodeId| lookup.find(id.0).map(NodeAt::new);
            world.busy.push((place(moving.from), place(moving.to)));
            let Some(shard) = shard_at(moving.shard) else {
                continue;
            };
            world.stay[shard] = Stay::InFlight;
            // A move between nodes that are not listed holds the shard and counts nowhere.
            let owner = world.owner[shard];
            world.under_way.push(UnderWay {
                shard,
                from: place(moving.from).unwrap_or(owner),
                to: place(moving.to).unwrap_or(owner),
            });
        }
        let settling = input
            .cleanups
            .iter()
            .map(|(node, shard)| (*shard, *node, Refusal::Cleanup));
        let cooling = input
            .cooling
            .iter()
            .map(|one| (one.shard, one.from, Refusal::Cooling));
        for (shard, node, refusal) in settling.chain(cooling) {
            if let Some(shard) = shard_at(shard) {
                world
                    .refused
                    .entry(shard)
                    .or_default()
                    .push((node, refusal));
            }
        }
        for (node, shard) in &input.cleanups {
            if let (Some(node), Some(shard)) = (lookup.find(node.0), shard_at(*shard)) {
                world.old_copies.push((NodeAt::new(node), shard));
            }
        }
        world.old_copies.sort_unstable();
        world.old_copies.dedup();
        world.settle();
        Ok(world)
    }

    /// Counts and charges every shard.
    fn settle(&mut self) {
        for moving in &self.under_way {
            self.at[moving.shard] = moving.to;
        }
        for (shard, node) in self.at.iter() {
            add(&mut self.counted[*node], self.shards[shard]);
            add(&mut self.charged[self.owner[shard]], self.shards[shard]);
            self.groups.enter(shard, self.owner[shard]);
        }
        for moving in &self.under_way {
            let owner = self.owner[moving.shard];
            let mut copies = vec![moving.from, moving.to];
            copies.dedup();
            for node in copies.into_iter().filter(|node| *node != owner) {
                self.groups.enter(moving.shard, node);
                if self.policy.charges_both_ends() || node == moving.to {
                    add(&mut self.charged[node], self.shards[moving.shard]);
                }
            }
            if !self.policy.charges_both_ends() && owner != moving.to {
                subtract(&mut self.charged[owner], self.shards[moving.shard]);
            }
        }
        for (node, shard) in &self.old_copies {
            let moving = self.under_way.iter().find(|moving| moving.shard == *shard);
            let counted = moving.is_some_and(|moving| [moving.from, moving.to].contains(node));
            if self.owner[*shard] != *node && !counted {
                add(&mut self.charged[*node], self.shards[*shard]);
            }
        }
    }

    pub(super) fn resources(&self) -> &[Resource] {
        &self.resources
    }

    pub(super) fn is(&self, node: NodeAt, state: Availability) -> bool {
        self.nodes[node].state == state
    }

    /// The nodes in this state, by id.
    pub(super) fn nodes_in(&self, state: Availability) -> impl Iterator<Item = NodeAt> + '_ {
        self.nodes
            .places()
            .filter(move |node| self.is(*node, state))
    }

    /// Where a shard counts.
    pub(super) fn at(&self, shard: ShardAt) -> NodeAt {
        self.at[shard]
    }

    pub(super) fn is_free(&self, shard: ShardAt) -> bool {
        self.stay[shard] == Stay::Free
    }

    pub(super) fn is_moved(&self, shard: ShardAt) -> bool {
        self.is_free(shard) && self.at[shard] != self.owner[shard]
    }

    pub(super) fn weight(&self, shard: ShardAt, resource: Resource) -> u64 {
        self.shards[shard].weights.get(resource)
    }

    /// What a node holds, with shards in flight at their targets.
    pub(super) fn load(&self, node: NodeAt, resource: Resource) -> u128 {
        let load = self.counted[node].get(resource.index());
        load.copied().unwrap_or_default()
    }

    /// What a node holds of every resource.
    pub(super) fn loads(&self, node: NodeAt) -> &[u128] {
        &self.counted[node]
    }

    /// The first resource of which a node holds more than it has room for. What leaves it already
    /// needs no further move, and old copies go by themselves.
    pub(super) fn overfull(&self, node: NodeAt) -> Option<Resource> {
        let sides = self.counted[node].iter().zip(&self.capacity[node]);
        let at = sides.into_iter().position(|(counted, capacity)| {
            capacity.is_some_and(|capacity| *counted > u128::from(capacity))
        })?;
        self.resources.get(at).copied()
    }

    /// How much more of `resource` a node holds than it has room for.
    pub(super) fn above_capacity(&self, node: NodeAt, resource: Resource) -> u128 {
        let at = resource.index();
        let counted = self.counted[node].get(at).copied().unwrap_or_default();
        let capacity = self.capacity[node].get(at).copied().flatten();
        capacity.map_or(0, |capacity| counted.saturating_sub(capacity.into()))
    }

    /// Why a node may not have a shard, whatever else is there.
    pub(super) fn ban(&self, shard: ShardAt, node: NodeAt) -> Option<Refusal> {
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

    /// Why `to` does not take `shard` from where it is, when everything that left is gone.
    pub(super) fn refusal(&self, shard: ShardAt, to: NodeAt) -> Option<Refusal> {
        self.refusal_besides(shard, to, None)
    }

    /// Why `to` does not take `shard`, with `besides` charged to it as well.
    pub(super) fn refusal_besides(
        &self,
        shard: ShardAt,
        to: NodeAt,
        besides: Option<&[u128]>,
    ) -> Option<Refusal> {
        if let Some(refusal) = self.ban(shard, to) {
            return Some(refusal);
        }
        if !self.refused.is_empty()
            && let Some(refused) = self.refused.get(&shard)
            && let Some((_, refusal)) = refused.iter().find(|(id, _)| *id == self.nodes[to].id)
        {
            return Some(*refusal);
        }
        if self.groups.holds_another(shard, to) {
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
    fn lacks(&self, shard: ShardAt, to: NodeAt, besides: Option<&[u128]>) -> Option<Resource> {
        let weights = &self.shards[shard].weights;
        let charged = self.charged[to].iter().zip(&self.capacity[to]);
        let at = charged.enumerate().position(|(at, (charged, capacity))| {
            let Some(capacity) = capacity else {
                return false;
            };
            let weight = u128::from(weights.at(at));
            let more = besides
                .and_then(|more| more.get(at))
                .copied()
                .unwrap_or_default();
            weight > 0 && charged + more + weight > u128::from(*capacity)
        })?;
        self.resources.get(at).copied()
    }

    pub(super) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// In how many zones the group of `shard` is, and in how many it should be.
    pub(super) fn spread(&self, shard: ShardAt) -> (usize, usize) {
        self.groups.spread(shard, &self.at)
    }

    /// Lets a shard be at `to`, and nowhere else.
    pub(super) fn put(&mut self, shard: ShardAt, to: NodeAt) {
        let from = self.at[shard];
        let input = self.shards[shard];
        for table in [&mut self.counted, &mut self.charged] {
            subtract(&mut table[from], input);
            add(&mut table[to], input);
        }
        self.groups.leave(shard, from);
        self.groups.enter(shard, to);
        self.at[shard] = to;
    }
}

/// Adds what a shard uses.
pub(super) fn add(to: &mut [u128], shard: &ShardInput) {
    for (at, sum) in to.iter_mut().enumerate() {
        *sum += u128::from(shard.weights.at(at));
    }
}

/// Takes away what a shard uses.
pub(super) fn subtract(from: &mut [u128], shard: &ShardInput) {
    for (at, sum) in from.iter_mut().enumerate() {
        *sum -= u128::from(shard.weights.at(at));
    }
}

fn check_resources(input: &Input, policy: &Policy) -> Result<(), PlanError> {
    let unknown = |name: &str| {
        let known: Vec<_> = input
            .resources
            .iter()
            .map(|one| format!("`{one}`"))
            .collect();
        PlanError::UnknownResource {
            name: name.to_owned(),
            known: known.join(", "),
        }
    };
    for resource in policy.priorities() {
        if !input.resources.contains(*resource) {
            return Err(unknown(resource.name()));
        }
    }
    let limits_bytes = policy.max_bytes().is_some() || policy.min_gain_per_mib() > 0;
    if limits_bytes && input.resources.by_name("bytes").is_none() {
        return Err(unknown("bytes"));
    }
    let resources = input.resources.iter().len();
    let node = input
        .nodes
        .iter()
        .find(|node| node.capacity.exceeds(resources));
    let shard = input
        .shards
        .iter()
        .find(|shard| shard.weights.exceeds(resources));
    let found = node.map(|node| ("node", node.id.0));
    if let Some((what, id)) = found.or(shard.map(|shard| ("shard", shard.id.0))) {
        return Err(PlanError::TooManyValues {
            what,
            id,
            resources,
        });
    }
    Ok(())
}

/// The nodes by id.
fn nodes(input: &Input) -> Result<Vec<&NodeInput>, PlanError> {
    if input.nodes.len() > NODES_MAX {
        return Err(PlanError::TooManyNodes {
            got: input.nodes.len(),
            max: NODES_MAX,
        });
    }
    let mut nodes: Vec<&NodeInput> = input.nodes.iter().collect();
    nodes.sort_by_key(|node| (node.id, node.state, node.weight));
    for node in &nodes {
        if node.weight == 0 || node.weight > NodeInput::WEIGHT_MAX {
            return Err(PlanError::NodeWeight {
                node: node.id,
                got: node.weight,
            });
        }
    }
    for pair in nodes.windows(2) {
        if let [first, second] = pair
            && first.id == second.id
        {
            return Err(PlanError::DuplicateNode {
                node: first.id,
                first: first.state,
                first_weight: first.weight,
                second: second.state,
                second_weight: second.weight,
            });
        }
    }
    Ok(nodes)
}

/// The shards by id.
fn shards(input: &Input) -> Result<Vec<&ShardInput>, PlanError> {
    if input.shards.len() > ROWS_MAX {
        return Err(PlanError::TooManyShards {
            got: input.shards.len(),
            max: ROWS_MAX,
        });
    }
    let mut shards: Vec<&ShardInput> = input.shards.iter().collect();
    if !shards.is_sorted_by_key(|shard| (shard.id, shard.owner)) {
        shards.sort_by_key(|shard| (shard.id, shard.owner));
    }
    for pair in shards.windows(2) {
        if let [first, second] = pair
            && first.id == second.id
        {
            return Err(PlanError::DuplicateShard {
                shard: first.id,
                first: first.owner,
                second: second.owner,
            });
        }
    }
    Ok(shards)
}
