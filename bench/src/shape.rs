//! Where shards are, and what nodes are like.

use shardferry::planner::{Availability, Input, NodeInput, Resource};
use shardferry::schema::NodeId;

use crate::random::Random;

/// The state of a cluster that is to be balanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each shard on any node.
    Random,
    /// The first nodes have most: the lesser of two random nodes.
    Skewed,
    /// Every tenth node is new and has nothing.
    Empty,
    /// Every tenth node is draining.
    Draining,
    /// Nodes of weight 1, 2 and 4; each shard on any.
    Weighted,
    /// Nodes with room for 1, 2 and 4 parts, half as much again as there is to hold: the small ones have
    /// room for less than their share. Each shard on any that has room for it, in proportion to what
    /// nodes have room for.
    Roomy,
    /// The same with a quarter more than there is to hold: also the middle ones have room for less than
    /// their share.
    Tight,
}

impl Shape {
    pub(crate) const ALL: [Self; 7] = [
        Self::Random,
        Self::Skewed,
        Self::Empty,
        Self::Draining,
        Self::Weighted,
        Self::Roomy,
        Self::Tight,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Skewed => "skewed",
            Self::Empty => "10 % empty",
            Self::Draining => "10 % draining",
            Self::Weighted => "weights 1:2:4",
            Self::Roomy => "capacities 1:2:4, 150 %",
            Self::Tight => "capacities 1:2:4, 125 %",
        }
    }

    pub(crate) fn node(self, number: u64) -> NodeInput {
        let mut node = NodeInput::new(NodeId(number));
        match self {
            Self::Draining if is_tenth(number) => node.state = Availability::Draining,
            Self::Weighted => node.weight = 1 << (number % 3),
            Self::Random
            | Self::Skewed
            | Self::Empty
            | Self::Draining
            | Self::Roomy
            | Self::Tight => {}
        }
        node
    }

    /// How much room there is for what there is to hold, in percent. `None`: no end of it.
    pub(crate) fn room_percent(self) -> Option<u64> {
        match self {
            Self::Random | Self::Skewed | Self::Empty | Self::Draining | Self::Weighted => None,
            Self::Roomy => Some(150),
            Self::Tight => Some(125),
        }
    }

    /// The node of a shard, of nodes 1 to `nodes`.
    pub(crate) fn owner(self, nodes: u64, random: &mut Random) -> NodeId {
        let mut any = || 1 + random.below(nodes);
        NodeId(match self {
            Self::Random | Self::Draining | Self::Weighted | Self::Roomy | Self::Tight => any(),
            Self::Skewed => any().min(any()),
            Self::Empty => loop {
                let node = any();
                if !is_tenth(node) {
                    break node;
                }
            },
        })
    }
}

/// Gives the nodes room for 1, 2 and 4 parts of `resource`, `percent` of what the shards use in all, and
/// puts each shard where there is some, at random in proportion to the room of an empty node.
pub(crate) fn limit(input: &mut Input, resource: Resource, percent: u64, random: &mut Random) {
    const PARTS: [u64; 3] = [1, 2, 4];
    let parts: Vec<u64> = (0..input.nodes.len()).map(|at| PARTS[at % 3]).collect();
    let total: u64 = input
        .shards
        .iter()
        .map(|one| one.weights.get(resource))
        .sum();
    let part = total / 100 * percent / parts.iter().sum::<u64>();
    for (node, parts) in input.nodes.iter_mut().zip(&parts) {
        node.capacity = node.capacity.clone().with(resource, Some(part * parts));
    }
    let mut room: Vec<u64> = parts.iter().map(|parts| part * parts).collect();
    for shard in &mut input.shards {
        let weight = shard.weights.get(resource);
        let node = loop {
            let node = random.below(room.len() as u64) as usize;
            if random.below(PARTS[2]) < parts[node] && room[node] >= weight {
                break node;
            }
        };
        room[node] -= weight;
        shard.owner = input.nodes[node].id;
    }
}

fn is_tenth(number: u64) -> bool {
    number.is_multiple_of(10)
}
