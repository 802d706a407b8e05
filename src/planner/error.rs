use super::{Availability, NodeInput, Policy};
use crate::schema::{NodeId, ShardId};

/// Why there is no plan: the input contradicts itself, or the policy does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two nodes have one id.
    #[error(
        "node {node} is listed twice: {first} with weight {first_weight}, {second} with weight {second_weight}"
    )]
    DuplicateNode {
        /// The id.
        node: NodeId,
        /// The state of one.
        first: Availability,
        /// Its weight.
        first_weight: u64,
        /// The state of the other.
        second: Availability,
        /// Its weight.
        second_weight: u64,
    },
    /// Two shards have one id.
    #[error("shard {shard} is listed twice: on node {first} and on node {second}")]
    DuplicateShard {
        /// The id.
        shard: ShardId,
        /// The owner of one.
        first: NodeId,
        /// The owner of the other.
        second: NodeId,
    },
    /// Two moves of one shard are under way.
    #[error("shard {shard} is in flight twice: to node {first} and to node {second}")]
    DuplicateInFlight {
        /// The shard.
        shard: ShardId,
        /// The target of one.
        first: NodeId,
        /// The target of the other.
        second: NodeId,
    },
    /// A shard belongs to a node that is not listed.
    #[error("shard {shard} is on node {owner}, which is none of the {nodes} nodes")]
    UnknownOwner {
        /// The shard.
        shard: ShardId,
        /// Its owner.
        owner: NodeId,
        /// How many nodes are listed.
        nodes: usize,
    },
    /// The weight of a node is out of range.
    #[error(
        "node {node} has weight {got}; a weight is 1 to {}",
        NodeInput::WEIGHT_MAX
    )]
    NodeWeight {
        /// The node.
        node: NodeId,
        /// Its weight.
        got: u64,
    },
    /// More nodes than the arithmetic has room for.
    #[error("{got} nodes are more than the {max} that one plan covers")]
    TooManyNodes {
        /// How many are listed.
        got: usize,
        /// How many there may be.
        max: usize,
    },
    /// A band is wider than the whole.
    #[error("a band of {got} ppm is wider than {} ppm", Policy::BAND_MAX_PPM)]
    BandTooWide {
        /// What was asked for.
        got: u64,
    },
    /// The plan would aim outside the band that triggers it.
    #[error(
        "the target band of {target_ppm} ppm is wider than the trigger band of {trigger_ppm} ppm"
    )]
    TargetOutsideTrigger {
        /// The target.
        target_ppm: u64,
        /// The trigger.
        trigger_ppm: u64,
    },
    /// A limit of moves at a time that lets nothing move, ever.
    #[error(
        "a limit of 0 moves at a time (in {max_in:?}, out {max_out:?}) lets nothing move; the least is 1"
    )]
    ZeroLimit {
        /// The limit into a node.
        max_in: Option<usize>,
        /// The limit out of a node.
        max_out: Option<usize>,
    },
}
