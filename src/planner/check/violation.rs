use crate::planner::{Availability, PlanError, Refusal, Resource};
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
    #[error("move {at} is one of {moves} {place} in its wave; the limit is {limit}")]
    WaveLimit {
        /// The move.
        at: usize,
        /// Where they are counted.
        place: String,
        /// How many.
        moves: usize,
        /// The limit.
        limit: usize,
    },
    /// The receiver ends fuller than the donor was.
    #[error("move {at} lifts node {to} to {after} {resource}, above node {from} with {before}")]
    AboveDonor {
        /// The move.
        at: usize,
        /// What is balanced.
        resource: Resource,
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
    #[error(
        "move {at}: nodes {from} and {to} were {before} {resource} outside their bands and are {after}"
    )]
    NoGain {
        /// The move.
        at: usize,
        /// What is balanced.
        resource: Resource,
        /// The donor.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// How far both were outside.
        before: u128,
        /// How far both are outside.
        after: u128,
    },
    /// The move gains less than the policy asks for what it copies.
    #[error("move {at} gains {gain} {resource} with {bytes} bytes, less than {least} for each MiB")]
    LittleGain {
        /// The move.
        at: usize,
        /// What is balanced.
        resource: Resource,
        /// By how much the nodes come closer to their bands.
        gain: u128,
        /// The size of the shard.
        bytes: u64,
        /// The least for each MiB.
        least: u64,
    },
    /// The move takes the nodes further from their bands in a resource that comes first.
    #[error(
        "move {at} balances {resource} and takes its nodes from {before} to {after} {first} outside their bands"
    )]
    Worsens {
        /// The move.
        at: usize,
        /// What is balanced.
        resource: Resource,
        /// What comes first.
        first: Resource,
        /// How far both were outside.
        before: u128,
        /// How far both are outside.
        after: u128,
    },
    /// The move balances something that the policy does not balance.
    #[error("move {at} balances {resource}, which the policy does not name")]
    NotBalanced {
        /// The move.
        at: usize,
        /// The resource.
        resource: Resource,
    },
    /// The plan balances a resource of which every node is inside its trigger band.
    #[error("move {at} balances {resource}, and no node is outside its trigger band")]
    NotTriggered {
        /// The move.
        at: usize,
        /// The resource.
        resource: Resource,
    },
    /// The plan balances before a move that puts something right and could have been made.
    #[error(
        "move {late} puts something right and could have come before move {at}, which balances"
    )]
    Late {
        /// The balancing move.
        at: usize,
        /// The late move.
        late: usize,
    },
    /// The reason, the bytes, a band or a total of the plan is wrong.
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
    /// More bytes than the policy allows.
    #[error("the plan moves {bytes} bytes; the limit is {max}")]
    TooManyBytes {
        /// How many.
        bytes: u128,
        /// The limit.
        max: u64,
    },
    /// The plan reaches its goal with less than it says is possible.
    #[error("the plan reaches its goal with {used} {what} and claims a lower bound of {bound}")]
    BoundTooHigh {
        /// Moves or bytes.
        what: &'static str,
        /// How many.
        used: u128,
        /// The bound.
        bound: u128,
    },
    /// A shard stays where it should not be although a node takes it.
    #[error("shard {shard} stays where it should not be; node {to} would take it")]
    CouldLeave {
        /// The shard.
        shard: ShardId,
        /// Where it could go.
        to: NodeId,
    },
    /// The plan leaves something and does not say so.
    #[error("{what} is not as it should be, and the plan does not say why")]
    Unexplained {
        /// What.
        what: String,
    },
    /// What the plan says that it leaves, or why, is not so.
    #[error("the plan says: {said}; that is not so: {found}")]
    NotSo {
        /// What it says.
        said: String,
        /// What is so.
        found: String,
    },
    /// Planning the same again gave another plan.
    #[error("planning again gives another plan")]
    NotRepeatable,
    /// Without its limits the plan aims elsewhere.
    #[error("without the limits of moves and bytes the plan has other bands")]
    OtherAim,
    /// A plan of limited moves is not the beginning of the plan without.
    #[error("without the limit of moves, move {at} of the plan is another")]
    NoBeginning {
        /// The first move that differs.
        at: usize,
    },
    /// With the plan under way or done there is more to do.
    #[error("with the plan {when}, planning again moves {moves} more, shard {shard} first")]
    NotFinished {
        /// `in flight`, `done`, or `done and held`: what the plan has moved stays where it is.
        when: &'static str,
        /// How many moves.
        moves: usize,
        /// The first shard.
        shard: ShardId,
    },
    /// With the plan under way or done there is no plan.
    #[error("with the plan {when} there is no plan")]
    NoPlan {
        /// `in flight` or `done`.
        when: &'static str,
        /// Why.
        #[source]
        source: PlanError,
    },
}

impl PlanViolation {
    /// The place of the move that cannot be made, or not where it stands: whoever carries the plan out
    /// must not begin. `None`: carrying it out harms nothing; but the plan is not what it should be, or
    /// the cluster is no more as it was.
    #[must_use]
    pub const fn unsafe_move(&self) -> Option<usize> {
        match self {
            Self::UnknownShard { at, .. }
            | Self::UnknownNode { at, .. }
            | Self::NotAtSource { at, .. }
            | Self::MovedTwice { at, .. }
            | Self::Immovable { at, .. }
            | Self::WrongState { at, .. }
            | Self::Refused { at, .. }
            | Self::WaveOrder { at, .. }
            | Self::WaveLimit { at, .. } => Some(*at),
            Self::AboveDonor { .. }
            | Self::NoGain { .. }
            | Self::LittleGain { .. }
            | Self::Worsens { .. }
            | Self::NotBalanced { .. }
            | Self::NotTriggered { .. }
            | Self::Late { .. }
            | Self::Misstated { .. }
            | Self::TooManyMoves { .. }
            | Self::TooManyBytes { .. }
            | Self::BoundTooHigh { .. }
            | Self::CouldLeave { .. }
            | Self::Unexplained { .. }
            | Self::NotSo { .. }
            | Self::NotRepeatable
            | Self::OtherAim
            | Self::NoBeginning { .. }
            | Self::NotFinished { .. }
            | Self::NoPlan { .. } => None,
        }
    }

    /// The same of a plan whose moves have other places.
    pub(super) fn with_places(mut self, place: impl Fn(usize) -> usize) -> Self {
        match &mut self {
            Self::MovedTwice { at, first, .. } => {
                *at = place(*at);
                *first = place(*first);
            }
            Self::Late { at, late } => {
                *at = place(*at);
                *late = place(*late);
            }
            Self::UnknownShard { at, .. }
            | Self::UnknownNode { at, .. }
            | Self::NotAtSource { at, .. }
            | Self::Immovable { at, .. }
            | Self::WrongState { at, .. }
            | Self::Refused { at, .. }
            | Self::WaveOrder { at, .. }
            | Self::WaveLimit { at, .. }
            | Self::AboveDonor { at, .. }
            | Self::NoGain { at, .. }
            | Self::LittleGain { at, .. }
            | Self::Worsens { at, .. }
            | Self::NotBalanced { at, .. }
            | Self::NotTriggered { at, .. }
            | Self::NoBeginning { at } => *at = place(*at),
            Self::Misstated { .. }
            | Self::TooManyMoves { .. }
            | Self::TooManyBytes { .. }
            | Self::BoundTooHigh { .. }
            | Self::CouldLeave { .. }
            | Self::Unexplained { .. }
            | Self::NotSo { .. }
            | Self::NotRepeatable
            | Self::OtherAim
            | Self::NotFinished { .. }
            | Self::NoPlan { .. } => {}
        }
        self
    }

    /// Whether the plan is safe and does what it says, and only not all that it could be: planning again
    /// would do more, or a move that has to be made could have come earlier. Of clusters that pull on every
    /// rule at once, very few get such a plan (docs/PLANNER.md has how many).
    #[must_use]
    pub const fn is_shortfall(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::NotFinished { .. })
    }
}
