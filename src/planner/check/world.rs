use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::groups::Groups;
use crate::planner::{Availability, Input, NodeInput, Plan, Policy, Refusal, Resource, ShardInput};
use crate::schema::{NodeId, ShardId};

/// A node while a plan is replayed.
pub(super) struct Node<'a> {
    pub(super) input: &'a NodeInput,
    /// What it holds of each resource, a shard in flight at its target.
    counted: Vec<u128>,
    /// What it must have room for.
    charged: Vec<u128>,
    /// What has left in this wave and is still charged.
    leaving: Vec<u128>,
}

impl Node<'_> {
    pub(super) fn counted(&self, resource: Resource) -> u128 {
        self.counted.get(resource.index()).copied().unwrap_or(0)
    }

    /// What it is charged; with what leaves in this wave.
    pub(super) fn charged(&self, resource: Resource) -> u128 {
        let of = |sums: &[u128]| sums.get(resource.index()).copied().unwrap_or(0);
        of(&self.charged).saturating_add(of(&self.leaving))
    }

    pub(super) fn is_active(&self) -> bool {
        self.input.state == Availability::Active
    }
}

/// A shard while a plan is replayed.
pub(super) struct Shard<'a> {
    pub(super) input: &'a ShardInput,
    /// Where it counts.
    pub(super) at: NodeId,
    /// What makes it immovable.
    pub(super) stay: Option<&'static str>,
}

/// The cluster while a plan is replayed: who holds what.
pub(super) struct World<'a> {
    pub(super) input: &'a Input,
    pub(super) policy: &'a Policy,
    pub(super) nodes: BTreeMap<NodeId, Node<'a>>,
    pub(super) shards: HashMap<ShardId, Shard<'a>>,
    pub(super) groups: Groups,
    /// Nodes that refuse a shard because of what was there.
    pub(super) traces: HashMap<ShardId, Vec<(NodeId, Refusal)>>,
    /// Source copies that exist until the end of the wave.
    leaving: Vec<(NodeId, ShardId)>,
}

impl<'a> World<'a> {
    pub(super) fn new(input: &'a Input, policy: &'a Policy) -> Self {
        let mut world = Self {
            input,
            policy,
            nodes: nodes(input),
            shards: shards(input),
            groups: Groups::new(input),
            traces: traces(input),
            leaving: Vec::new(),
        };
        let in_flight: HashMap<ShardId, (NodeId, NodeId)> = input
            .in_flight
            .iter()
            .map(|moving| (moving.shard, (moving.from, moving.to)))
            .collect();
        let old = input.cleanups.iter().map(|(node, shard)| (*shard, *node));
        let mut old: BTreeSet<(ShardId, NodeId)> = old.collect();
        for shard in &input.shards {
            let owner = shard.owner;
            let mut copies = vec![owner];
            let mut target = owner;
            if let Some((from, to)) = in_flight.get(&shard.id) {
                // An end that is not listed is nowhere: the shard is with its owner.
                let known = |node: &NodeId| world.nodes.contains_key(node);
                target = if known(to) { *to } else { owner };
                copies.extend([*from, *to].into_iter().filter(known));
                copies.sort_unstable();
                copies.dedup();
            }
            for copy in copies {
                if policy.charges_both_ends() || copy == target {
                    world.charge(copy, shard, true);
                }
                world.groups.put_copy(shard, copy);
                old.remove(&(shard.id, copy));
            }
            world.count(target, shard, true);
            world.groups.arrive(shard, target);
            if let Some(shard) = world.shards.get_mut(&shard.id) {
                shard.at = target;
            }
        }
        for (shard, node) in old {
            if let Some(shard) = world.shards.get(&shard).map(|shard| shard.input) {
                world.charge(node, shard, true);
            }
        }
        world
    }

    fn charge(&mut self, node: NodeId, shard: &ShardInput, arrives: bool) {
        if let Some(node) = self.nodes.get_mut(&node) {
            change(&mut node.charged, shard, self.input, arrives);
        }
    }

    fn count(&mut self, node: NodeId, shard: &ShardInput, arrives: bool) {
        if let Some(node) = self.nodes.get_mut(&node) {
            change(&mut node.counted, shard, self.input, arrives);
        }
    }

    /// Carries out a move; the copy at the source is there until the wave ends.
    pub(super) fn carry_out(&mut self, shard: &ShardInput, from: NodeId, to: NodeId) {
        self.count(from, shard, false);
        self.count(to, shard, true);
        self.charge(from, shard, false);
        self.charge(to, shard, true);
        if self.policy.charges_both_ends()
            && let Some(node) = self.nodes.get_mut(&from)
        {
            change(&mut node.leaving, shard, self.input, true);
        }
        self.groups.put_copy(shard, to);
        self.groups.leave(shard, from);
        self.groups.arrive(shard, to);
        self.leaving.push((from, shard.id));
        if let Some(shard) = self.shards.get_mut(&shard.id) {
            shard.at = to;
        }
    }

    /// Ends the wave: what has left is gone.
    pub(super) fn end_wave(&mut self) {
        for (node, id) in std::mem::take(&mut self.leaving) {
            if let Some(shard) = self.shards.get(&id) {
                self.groups.drop_copy(shard.input, node);
            }
            if let Some(node) = self.nodes.get_mut(&node) {
                node.leaving.fill(0);
            }
        }
    }

    pub(super) fn active(&self) -> impl Iterator<Item = (NodeId, &Node<'a>)> + '_ {
        let nodes = self.nodes.iter().map(|(id, node)| (*id, node));
        nodes.filter(|(_, node)| node.is_active())
    }

    pub(super) fn load(&self, node: NodeId, resource: Resource) -> u128 {
        self.nodes
            .get(&node)
            .map_or(0, |node| node.counted(resource))
    }

    pub(super) fn bytes(&self, shard: &ShardInput) -> u64 {
        let bytes = self.input.resources.by_name("bytes");
        bytes.map_or(0, |bytes| shard.weights.get(bytes))
    }

    /// Whether a limit on the whole plan may have kept something from moving.
    pub(super) fn may_be_cut(&self, plan: &Plan) -> bool {
        let moves = self.policy.max_moves();
        if moves.is_some_and(|max| plan.moves.len() >= max) {
            return true;
        }
        let Some(max) = self.policy.max_bytes() else {
            return false;
        };
        let rest = u128::from(max).saturating_sub(plan.total_bytes);
        let larger = |shard: &ShardInput| u128::from(self.bytes(shard)) > rest;
        self.input.shards.iter().any(larger)
    }
}

fn change(sums: &mut [u128], shard: &ShardInput, input: &Input, arrives: bool) {
    for (sum, resource) in sums.iter_mut().zip(input.resources.iter()) {
        let weight = u128::from(shard.weights.get(resource));
        *sum = if arrives {
            sum.saturating_add(weight)
        } else {
            sum.saturating_sub(weight)
        };
    }
}

fn nodes(input: &Input) -> BTreeMap<NodeId, Node<'_>> {
    let zeros = vec![0; input.resources.iter().len()];
    let node = |node| Node {
        input: node,
        counted: zeros.clone(),
        charged: zeros.clone(),
        leaving: zeros.clone(),
    };
    input.nodes.iter().map(|one| (one.id, node(one))).collect()
}

fn shards(input: &Input) -> HashMap<ShardId, Shard<'_>> {
    let shard = |shard: &ShardInput| shard.pinned.then_some("pinned");
    let mut shards: HashMap<ShardId, Shard<'_>> = input
        .shards
        .iter()
        .map(|one| {
            let (at, stay) = (one.owner, shard(one));
            (
                one.id,
                Shard {
                    input: one,
                    at,
                    stay,
                },
            )
        })
        .collect();
    let quarantined = input.quarantined.iter().map(|id| (*id, "quarantined"));
    let in_flight = input.in_flight.iter().map(|one| (one.shard, "in flight"));
    for (id, what) in quarantined.chain(in_flight) {
        if let Some(shard) = shards.get_mut(&id) {
            shard.stay = Some(what);
        }
    }
    shards
}

fn traces(input: &Input) -> HashMap<ShardId, Vec<(NodeId, Refusal)>> {
    let mut traces: HashMap<ShardId, Vec<(NodeId, Refusal)>> = HashMap::new();
    let cleanups = input.cleanups.iter();
    let cleanups = cleanups.map(|(node, shard)| (*shard, *node, Refusal::Cleanup));
    let cooling = input.cooling.iter();
    let cooling = cooling.map(|one| (one.shard, one.from, Refusal::Cooling));
    for (shard, node, refusal) in cleanups.chain(cooling) {
        traces.entry(shard).or_default().push((node, refusal));
    }
    traces
}
