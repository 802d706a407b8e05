//! A greedy in the manner of Citus' strategy `by_disk_size`, written from what its documentation says:
//! nodes that may not have their shards are emptied first; then, while a node is more than the
//! threshold from the mean utilization, the largest shard that improves the balance goes from the
//! fullest node to the emptiest. A move must improve it by a part of the size of the shard.

use std::collections::BTreeMap;

use shardferry::planner::{Availability, Input, Resource};

use super::Moves;

/// Its settings.
pub(crate) struct Citus {
    /// How far from the mean a node may be.
    pub(crate) threshold: f64,
    /// Which part of the size of a shard a move must gain.
    pub(crate) improvement: f64,
}

impl Default for Citus {
    fn default() -> Self {
        Self {
            threshold: 0.1,
            improvement: 0.5,
        }
    }
}

struct Node {
    /// Its place in the input.
    at: usize,
    weight: f64,
    cost: f64,
    /// The costs and places of its shards, largest last.
    shards: Vec<(u64, usize)>,
}

impl Node {
    fn utilization(&self) -> f64 {
        self.cost / self.weight
    }
}

/// What may be taken from where and put where.
struct Found {
    source: usize,
    target: usize,
    shard: usize,
}

impl Citus {
    /// Its plan: the moves that a shard makes in turn are one.
    pub(crate) fn plan(&self, input: &Input, resource: Resource) -> Moves {
        let (mut nodes, drained) = nodes(input, resource);
        let mut homes: BTreeMap<usize, usize> = BTreeMap::new();
        for (cost, shard) in drained {
            let Some(emptiest) = nodes.first() else {
                break;
            };
            homes.insert(shard, emptiest.at);
            put(&mut nodes, 0, (cost, shard));
        }
        let weights: f64 = nodes.iter().map(|node| node.weight).sum();
        let mean = nodes.iter().map(|node| node.cost).sum::<f64>() / weights;
        while let Some(found) = self.next(&nodes, mean) {
            let (cost, shard) = nodes[found.source].shards.remove(found.shard);
            nodes[found.source].cost -= cost as f64;
            let target = nodes[found.target].at;
            homes.insert(shard, target);
            sink(&mut nodes, found.source);
            let target = nodes
                .iter()
                .position(|node| node.at == target)
                .unwrap_or_default();
            put(&mut nodes, target, (cost, shard));
        }
        let moved = homes
            .into_iter()
            .map(|(shard, node)| (shard, input.nodes[node].id));
        moved
            .filter(|(shard, to)| input.shards[*shard].owner != *to)
            .collect()
    }

    /// The next move. `nodes` are in the order of their utilization.
    fn next(&self, nodes: &[Node], mean: f64) -> Option<Found> {
        let (most, least) = (mean * (1.0 + self.threshold), mean * (1.0 - self.threshold));
        let any_below = nodes.first().is_some_and(|node| node.utilization() < least);
        for source in (0..nodes.len()).rev() {
            let is_above = nodes[source].utilization() > most;
            if !is_above && !any_below {
                return None;
            }
            // Between nodes that are both within the threshold nothing moves.
            let targets =
                (0..source).take_while(|target| is_above || nodes[*target].utilization() < least);
            for target in targets {
                if let Some(shard) = self.improving(&nodes[source], &nodes[target]) {
                    return Some(Found {
                        source,
                        target,
                        shard,
                    });
                }
            }
            if nodes[source].utilization() < mean {
                return None;
            }
        }
        None
    }

    /// The largest shard whose move improves the balance enough.
    fn improving(&self, source: &Node, target: &Node) -> Option<usize> {
        let before = source.utilization();
        let improves = |cost: u64| {
            let cost = cost as f64;
            let after = (source.cost - cost) / source.weight;
            let gain = before - after.max((target.cost + cost) / target.weight);
            gain > 0.0 && gain * target.weight.max(source.weight) >= self.improvement * cost
        };
        // The larger the shard, the less of it a move gains.
        let fitting = source.shards.partition_point(|(cost, _)| improves(*cost));
        fitting.checked_sub(1)
    }
}

/// The nodes that take shards, emptiest first, and the shards of the others, largest first.
fn nodes(input: &Input, resource: Resource) -> (Vec<Node>, Vec<(u64, usize)>) {
    let places = input.nodes.iter().enumerate();
    let mut nodes: BTreeMap<_, Node> = places
        .filter(|(_, node)| node.state == Availability::Active)
        .map(|(at, node)| {
            let weight = node.weight as f64;
            (
                node.id,
                Node {
                    at,
                    weight,
                    cost: 0.0,
                    shards: Vec::new(),
                },
            )
        })
        .collect();
    let mut drained = Vec::new();
    for (at, shard) in input.shards.iter().enumerate() {
        let cost = shard.weights.get(resource);
        match nodes.get_mut(&shard.owner) {
            Some(node) => {
                node.cost += cost as f64;
                node.shards.push((cost, at));
            }
            None => drained.push((cost, at)),
        }
    }
    let mut nodes: Vec<Node> = nodes.into_values().collect();
    for node in &mut nodes {
        node.shards.sort_unstable();
    }
    nodes.sort_by(|a, b| a.utilization().total_cmp(&b.utilization()));
    drained.sort_unstable_by(|a, b| b.cmp(a));
    (nodes, drained)
}

/// Gives a shard to a node, which then takes its place in the order.
fn put(nodes: &mut [Node], at: usize, shard: (u64, usize)) {
    let node = &mut nodes[at];
    let place = node.shards.partition_point(|one| *one < shard);
    node.shards.insert(place, shard);
    node.cost += shard.0 as f64;
    let mut at = at;
    while at + 1 < nodes.len() && nodes[at].utilization() > nodes[at + 1].utilization() {
        nodes.swap(at, at + 1);
        at += 1;
    }
}

/// Moves a node that has become emptier down to its place in the order.
fn sink(nodes: &mut [Node], mut at: usize) {
    while at > 0 && nodes[at].utilization() < nodes[at - 1].utilization() {
        nodes.swap(at, at - 1);
        at -= 1;
    }
}
