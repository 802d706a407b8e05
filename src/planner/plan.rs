use std::fmt;

use super::{Band, Left, PerResource, Refusal, Resource};
use crate::schema::{NodeId, ShardId};

/// What to move, and what stays out of band. Leaves nothing to decide when it is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The moves, in order. Every prefix is safe, and each move puts something right or brings its nodes
    /// closer to their bands.
    pub moves: Vec<Move>,
    /// Bytes of all moves.
    pub total_bytes: u128,
    /// No plan that empties the draining nodes and brings every node into its band
    /// ([`NodeLoad::bands`]) has fewer moves. With something in [`Plan::left`] this plan does not
    /// get there, and may have fewer.
    pub lower_bound_moves: usize,
    /// No such plan moves fewer bytes.
    pub lower_bound_bytes: u128,
    /// Every node by id, before and after.
    pub loads: Vec<NodeLoad>,
    /// What the plan does not put right, and why.
    pub left: Vec<Left>,
    /// What is odd about the input.
    pub warnings: Vec<Warning>,
}

impl Plan {
    /// How many moves.
    #[must_use]
    pub fn total_moves(&self) -> usize {
        self.moves.len()
    }

    /// Moves above the proven minimum. `None` when the plan leaves something: then there is
    /// nothing to compare.
    #[must_use]
    pub fn gap_moves(&self) -> Option<usize> {
        self.left
            .is_empty()
            .then(|| self.moves.len().saturating_sub(self.lower_bound_moves))
    }

    /// Bytes above the proven minimum. `None` when the plan leaves something.
    #[must_use]
    pub fn gap_bytes(&self) -> Option<u128> {
        self.left
            .is_empty()
            .then(|| self.total_bytes.saturating_sub(self.lower_bound_bytes))
    }

    /// How many waves.
    #[must_use]
    pub fn waves(&self) -> u32 {
        self.moves
            .last()
            .map_or(0, |last| last.wave.saturating_add(1))
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }
}

/// One move of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The shard.
    pub shard: ShardId,
    /// The node that owns it.
    pub from: NodeId,
    /// The node that is to own it.
    pub to: NodeId,
    /// Waves run one after the other, the moves of one wave together. Wave 0 runs beside what is
    /// in flight already.
    pub wave: u32,
    /// The size of the shard.
    pub bytes: u64,
    /// Why it moves.
    pub reason: MoveReason,
}

/// Why a shard moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveReason {
    /// The node is being emptied.
    Drain,
    /// The shard may not be where it is.
    Misplaced(Refusal),
    /// The node it leaves holds more than it has room for.
    Overfull(Resource),
    /// The shards of its group are in too few zones.
    Spread,
    /// It makes room for this shard, which has to move to the node that it leaves.
    Room(ShardId),
    /// The node it leaves has more than its band allows.
    Above {
        /// What is balanced.
        resource: Resource,
        /// What the node has when the move is made.
        load: u128,
        /// The band of the node.
        band: Band,
    },
    /// The node it goes to has less than its band allows.
    Below {
        /// What is balanced.
        resource: Resource,
        /// What the node has when the move is made.
        load: u128,
        /// The band of the node.
        band: Band,
    },
}

impl MoveReason {
    /// The name: `drain`, `misplaced`, `overfull`, `spread`, `room`, `above`, `below`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Misplaced(_) => "misplaced",
            Self::Overfull(_) => "overfull",
            Self::Spread => "spread",
            Self::Room(_) => "room",
            Self::Above { .. } => "above",
            Self::Below { .. } => "below",
        }
    }

    /// What it balances. `None`: it puts right what must not be.
    #[must_use]
    pub const fn resource(&self) -> Option<Resource> {
        match self {
            Self::Above { resource, .. } | Self::Below { resource, .. } => Some(*resource),
            Self::Drain | Self::Misplaced(_) | Self::Overfull(_) | Self::Spread | Self::Room(_) => {
                None
            }
        }
    }

    /// Whether it balances; the others put right what must not be.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.resource().is_some()
    }
}

impl fmt::Display for MoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drain => f.write_str("its node is draining"),
            Self::Misplaced(refusal) => write!(f, "it may not be on its node: {refusal}"),
            Self::Overfull(resource) => {
                write!(f, "the node it leaves has more {resource} than room")
            }
            Self::Spread => f.write_str("its group is in too few zones"),
            Self::Room(shard) => write!(f, "it makes room for shard {shard}"),
            Self::Above {
                resource,
                load,
                band,
            } => {
                write!(
                    f,
                    "the node it leaves has {load} {resource}, its band is {band}"
                )
            }
            Self::Below {
                resource,
                load,
                band,
            } => {
                write!(
                    f,
                    "the node it goes to has {load} {resource}, its band is {band}"
                )
            }
        }
    }
}

/// Something odd about the input of a plan, which was made all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A shard in flight is not listed: what it weighs is not known.
    UnknownInFlight {
        /// The shard.
        shard: ShardId,
    },
    /// Groups are to be spread over more zones than have an active node.
    TooFewZones {
        /// How many zones have one.
        zones: u32,
        /// How many the policy asks for.
        wanted: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownInFlight { shard } => {
                write!(
                    f,
                    "shard {shard} is in flight and not listed: it counts as nothing"
                )
            }
            Self::TooFewZones { zones, wanted } => write!(
                f,
                "groups are to be spread over {wanted} zones, and {zones} have an active node"
            ),
        }
    }
}

/// What a node holds before and after a plan. A shard in flight counts at its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLoad {
    /// The node.
    pub node: NodeId,
    /// Before the plan.
    pub before: PerResource<u128>,
    /// After the plan.
    pub after: PerResource<u128>,
    /// Where the plan wants each resource that it balances, in the order of
    /// [`Policy::priorities`](super::Policy::priorities): the target band around its share of what there
    /// is after the plan. Empty: not part of the balance.
    pub bands: Vec<Band>,
}
