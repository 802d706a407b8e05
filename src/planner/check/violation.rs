use crate::planner::{Availability, Refusal};
use crate::schema::{NodeId, ShardId};

/// A rule that a plan breaks. `at` is the position of the move in the plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanViolation {
    /// The input has no such shard.
    #[error("move {at}: there is no shard {shard}")]
    UnknownShard {
        /// The move.
        at: usize,
        /// The shard.
        shard: ShardId,
    },
    /// The input has no such node.
    #[error("move {at}: there is no node {node}")]
    UnknownNode {
        /// The move.
        at: usize,
        /// The node.
        node: NodeId,
    },
    /// The shard is not where the move takes it from.
    #[error("move {at}: shard {shard} is on node {owner}, not on node {from}")]
    NotAtSource {
        /// The move.
        at: usize,
        /// The shard.
        shard: ShardId,
        /// Where the move takes it from.
        from: NodeId,
        /// Where it is.
        owner: NodeId,
    },
    /// A plan moves a shard at most once.
    #[error("move {at}: shard {shard} has been moved by move {first}")]
    MovedTwice {
        /// The move.
        at: usize,
        /// The earlier move.
        first: usize,
        /// The shard.
        shard: ShardId,
    },
    /// The shard is pinned, quarantined or in flight.
    #[error("move {at}: shard {shard} is {what} and stays")]
    Immovable {
        /// The move.
        at: usize,
        /// The shard.
        shard: ShardId,
        /// What it is.
        what: &'static str,
    },
    /// The state of a node does not allow its part in the move.
    #[error("move {at}: node {node} is {state}")]
    WrongState {
        /// The move.
        at: usize,
        /// The node.
        node: NodeId,
        /// Its state.
        state: Availability,
    },
    /// The receiver must refuse the shard at this point.
    #[error("move {at}: shard {shard} may not go to node {to}: {refusal}")]
    Refused {
        /// The move.
        at: usize,
        /// The shard.
        shard: ShardId,
        /// The receiver.
        to: NodeId,
        /// Why.
        refusal: Refusal,
    },
    /// Waves only follow one another.
    #[error("move {at} is of wave {wave}, after one of wave {before}")]
    WaveOrder {
        /// The move.
        at: usize,
        /// Its wave.
        wave: u32,
        /// The wave before it.
        before: u32,
    },
    /// More moves at a time than the policy allows.
    #[error("move {at} is one of {moves} at node {node} in its wave; the limit is {limit}")]
    WaveLimit {
        /// The move.
        at: usize,
        /// The node.
        node: NodeId,
        /// How many.
        moves: usize,
        /// The limit.
        limit: usize,
    },
    /// The receiver ends fuller than the donor was.
    #[error("move {at} lifts node {to} to {after}, above node {from} with {before}")]
    AboveDonor {
        /// The move.
        at: usize,
        /// The donor.
        from: NodeId,
        /// What it had.
        before: u128,
        /// The receiver.
        to: NodeId,
        /// What it has.
        after: u128,
    },
    /// After the move the nodes are no closer to their bands.
    #[error("move {at}: nodes {from} and {to} were {before} outside their bands and are {after}")]
    NoGain {
        /// The move.
        at: usize,
        /// The donor.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// How far both were outside.
        before: u128,
        /// How far both are outside.
        after: u128,
    },
    /// The plan balances although every node is inside its trigger band.
    #[error("move {at} balances, and no node is outside its trigger band")]
    NotTriggered {
        /// The move.
        at: usize,
    },
    /// The plan balances before a move that could have drained.
    #[error("move {drain} drains and could have come before move {at}, which balances")]
    DrainLate {
        /// The balancing move.
        at: usize,
        /// The draining move.
        drain: usize,
    },
    /// The reason, the bytes or a total of the plan is wrong.
    #[error("{what} is {stated}, not {found}")]
    Misstated {
        /// What.
        what: String,
        /// What the plan says.
        stated: String,
        /// What is so.
        found: String,
    },
    /// More moves than the policy allows.
    #[error("the plan has {moves} moves; the limit is {max}")]
    TooManyMoves {
        /// How many.
        moves: usize,
        /// The limit.
        max: usize,
    },
    /// The plan reaches its goal with fewer moves than it says is possible.
    #[error("the plan reaches its goal with {moves} moves and claims a lower bound of {bound}")]
    BoundTooHigh {
        /// How many.
        moves: usize,
        /// The bound.
        bound: usize,
    },
    /// A shard stays on a draining node although a node takes it.
    #[error("shard {shard} stays on its draining node; node {to} would take it")]
    CouldLeave {
        /// The shard.
        shard: ShardId,
        /// Where it could go.
        to: NodeId,
    },
    /// The plan leaves something and does not say so.
    #[error("{what} {id} is not as it should be, and the plan does not say why")]
    Unexplained {
        /// Shard or node.
        what: &'static str,
        /// Its id.
        id: u64,
    },
    /// Planning the same again gave another plan.
    #[error("planning again gives another plan")]
    NotRepeatable,
    /// With the plan under way there is more to do.
    #[error("with the plan in flight, planning again moves {moves} more")]
    NotFinished {
        /// How many moves.
        moves: usize,
    },
}
