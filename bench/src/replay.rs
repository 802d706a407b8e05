//! What a plan does, move by move, and what it breaks: knows nothing of how it was made, nor of the
//! checker of the library.

use std::collections::BTreeMap;

use shardferry::planner::{Input, Plan, Resource};
use shardferry::schema::{GroupId, NodeId, ShardId};

/// What must hold besides capacity and one shard of a group on a node.
pub(crate) struct Rules {
    /// Resources that a shard uses on both nodes until the wave in which it moves has ended.
    pub(crate) transient: Vec<Resource>,
    /// In how many zones each group must be.
    pub(crate) zones_min: BTreeMap<GroupId, usize>,
}

/// Every rule that a prefix of `plan` breaks, in words.
pub(crate) fn violations(input: &Input, rules: &Rules, plan: &Plan) -> Vec<String> {
    let mut replay = Replay::new(input, rules);
    let mut wave = 0;
    for (number, one) in plan.moves.iter().enumerate() {
        if one.wave != wave {
            wave = one.wave;
            replay.leaving.clear();
        }
        let broken = replay.carry_out(one.shard, one.from, one.to);
        replay.broken.extend(
            broken
                .into_iter()
                .map(|what| format!("move {number}: {what}")),
        );
    }
    replay.broken
}

struct Replay<'a> {
    input: &'a Input,
    rules: &'a Rules,
    nodes: BTreeMap<NodeId, usize>,
    shards: BTreeMap<ShardId, usize>,
    groups: BTreeMap<GroupId, Vec<usize>>,
    owner: Vec<NodeId>,
    loads: BTreeMap<(NodeId, Resource), u128>,
    /// The shards that left in this wave, by the node that they left.
    leaving: BTreeMap<NodeId, Vec<usize>>,
    broken: Vec<String>,
}

impl<'a> Replay<'a> {
    fn new(input: &'a Input, rules: &'a Rules) -> Self {
        let nodes = input
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.id, at));
        let shards = input
            .shards
            .iter()
            .enumerate()
            .map(|(at, shard)| (shard.id, at));
        let mut replay = Self {
            input,
            rules,
            nodes: nodes.collect(),
            shards: shards.collect(),
            groups: BTreeMap::new(),
            owner: input.shards.iter().map(|shard| shard.owner).collect(),
            loads: BTreeMap::new(),
            leaving: BTreeMap::new(),
            broken: Vec::new(),
        };
        for (at, shard) in input.shards.iter().enumerate() {
            if let Some(group) = shard.group {
                replay.groups.entry(group).or_default().push(at);
            }
            for resource in input.resources.iter() {
                *replay.loads.entry((shard.owner, resource)).or_default() +=
                    u128::from(shard.weights.get(resource));
            }
        }
        replay
    }

    fn carry_out(&mut self, shard: ShardId, from: NodeId, to: NodeId) -> Vec<String> {
        let Some(at) = self.shards.get(&shard).copied() else {
            return vec![format!("there is no shard {shard}")];
        };
        let mut broken = Vec::new();
        if self.owner[at] != from {
            broken.push(format!(
                "shard {shard} is on node {}, not on {from}",
                self.owner[at]
            ));
        }
        for resource in self.input.resources.iter() {
            let weight = u128::from(self.input.shards[at].weights.get(resource));
            *self.loads.entry((from, resource)).or_default() -= weight;
            *self.loads.entry((to, resource)).or_default() += weight;
        }
        self.owner[at] = to;
        self.leaving.entry(from).or_default().push(at);
        broken.extend(self.full(at, to));
        broken.extend(self.together(at, to));
        broken.extend(self.narrow(at));
        broken
    }

    /// What `to` has no room for.
    fn full(&self, at: usize, to: NodeId) -> Vec<String> {
        let Some(node) = self.nodes.get(&to).map(|node| &self.input.nodes[*node]) else {
            return vec![format!("there is no node {to}")];
        };
        let mut broken = Vec::new();
        for resource in self.input.resources.iter() {
            let Some(capacity) = node.capacity.get(resource) else {
                continue;
            };
            let mut held = self.loads.get(&(to, resource)).copied().unwrap_or_default();
            if self.rules.transient.contains(&resource) {
                let leaving = self.leaving.get(&to).into_iter().flatten();
                held += leaving
                    .map(|one| u128::from(self.input.shards[*one].weights.get(resource)))
                    .sum::<u128>();
            }
            if self.input.shards[at].weights.get(resource) > 0 && held > u128::from(capacity) {
                broken.push(format!(
                    "node {to} has {held} {resource}, room for {capacity}"
                ));
            }
        }
        broken
    }

    fn members(&self, at: usize) -> &[usize] {
        let group = self.input.shards[at].group;
        group
            .and_then(|group| self.groups.get(&group))
            .map_or(&[], Vec::as_slice)
    }

    /// Another shard of the group on `to`, or one that left it in this wave.
    fn together(&self, at: usize, to: NodeId) -> Option<String> {
        let left = self.leaving.get(&to).map_or(&[][..], Vec::as_slice);
        let other = self
            .members(at)
            .iter()
            .find(|one| **one != at && (self.owner[**one] == to || left.contains(one)))?;
        let (one, other) = (self.input.shards[at].id, self.input.shards[*other].id);
        Some(format!(
            "shards {one} and {other} of one group are on node {to}"
        ))
    }

    /// Whether the group is in too few zones.
    fn narrow(&self, at: usize) -> Option<String> {
        let group = self.input.shards[at].group?;
        let wanted = self.rules.zones_min.get(&group).copied()?;
        let node = |one: &usize| {
            self.nodes
                .get(&self.owner[*one])
                .map(|at| &self.input.nodes[*at])
        };
        let zones: std::collections::BTreeSet<_> = self
            .members(at)
            .iter()
            .filter_map(node)
            .map(|node| &node.zone)
            .collect();
        (zones.len() < wanted)
            .then(|| format!("group {group} is in {} zones of {wanted}", zones.len()))
    }
}
