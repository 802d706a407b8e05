//! Where shards are, and what nodes are like.

use shardferry::planner::{Availability, NodeInput};
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
}

impl Shape {
    pub(crate) const ALL: [Self; 5] = [
        Self::Random,
        Self::Skewed,
        Self::Empty,
        Self::Draining,
        Self::Weighted,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Skewed => "skewed",
            Self::Empty => "10 % empty",
            Self::Draining => "10 % draining",
            Self::Weighted => "weights 1:2:4",
        }
    }

    pub(crate) fn node(self, number: u64) -> NodeInput {
        let mut node = NodeInput::new(NodeId(number));
        match self {
            Self::Draining if is_tenth(number) => node.state = Availability::Draining,
            Self::Weighted => node.weight = 1 << (number % 3),
            Self::Random | Self::Skewed | Self::Empty | Self::Draining => {}
        }
        node
    }

    /// The node of a shard, of nodes 1 to `nodes`.
    pub(crate) fn owner(self, nodes: u64, random: &mut Random) -> NodeId {
        let mut any = || 1 + random.below(nodes);
        NodeId(match self {
            Self::Random | Self::Draining | Self::Weighted => any(),
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

fn is_tenth(number: u64) -> bool {
    number.is_multiple_of(10)
}
