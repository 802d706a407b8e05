use super::{Availability, NodeInput, Policy, Resource};
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
    /// More shards than can be numbered.
    #[error("{got} shards are more than the {max} that one plan covers")]
    TooManyShards {
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
    #[error("{limit} is 0, which lets nothing move; the least is 1")]
    ZeroLimit {
        /// Which limit.
        limit: &'static str,
    },
    /// The name of a resource is none.
    #[error(
        "`{name}` is no name of a resource: 1 to 15 characters, each a letter, a digit, `_` or `-`"
    )]
    ResourceName {
        /// What was given.
        name: String,
    },
    /// Two resources have one name.
    #[error("resource `{name}` is listed twice")]
    DuplicateResource {
        /// The name.
        name: String,
    },
    /// No resource, or more than a plan covers.
    #[error("{got} resources; there must be at least 1 and at most {max}")]
    ResourceCount {
        /// How many are listed.
        got: usize,
        /// How many there may be.
        max: usize,
    },
    /// The policy names a resource that the input does not have.
    #[error("there is no resource `{name}`; there are {known}")]
    UnknownResource {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A resource is to be balanced twice.
    #[error("resource `{resource}` stands twice among those to balance")]
    BalancedTwice {
        /// The resource.
        resource: Resource,
    },
    /// A node or shard has a value for a resource that is not listed.
    #[error("{what} {id} has a value for more than the {resources} resources of the cluster")]
    TooManyValues {
        /// `node` or `shard`.
        what: &'static str,
        /// Its id.
        id: u64,
        /// How many resources there are.
        resources: usize,
    },
}
