use std::fmt;

use super::{Band, Left, PerResource};
use crate::schema::{NodeId, ShardId};

/// What to move, and what stays out of band. Leaves nothing to decide when it is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The moves, in order; every prefix is safe and no worse than the start.
    pub moves: Vec<Move>,
    /// Bytes of all moves.
    pub total_bytes: u128,
    /// No plan that empties the draining nodes and brings every node into its band
    /// ([`NodeLoad::band`]) has fewer moves. With something in [`Plan::left`] this plan does not
    /// get there, and may have fewer.
    pub lower_bound_moves: usize,
    /// Every node by id, before and after.
    pub loads: Vec<NodeLoad>,
    /// What the plan does not put right, and why.
    pub left: Vec<Left>,
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
    /// The node it leaves has more than its band allows.
    Above {
        /// What the node has when the move is made.
        load: u128,
        /// The band of the node.
        band: Band,
    },
    /// The node it goes to has less than its band allows.
    Below {
        /// What the node has when the move is made.
        load: u128,
        /// The band of the node.
        band: Band,
    },
}

impl fmt::Display for MoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drain => f.write_str("its node is draining"),
            Self::Above { load, band } => {
                write!(f, "the node it leaves has {load}, its band is {band}")
            }
            Self::Below { load, band } => {
                write!(f, "the node it goes to has {load}, its band is {band}")
            }
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
    /// Where the plan wants its balanced resource: the target band if the balance was triggered,
    /// else the trigger band. `None`: not part of the balance.
    pub band: Option<Band>,
}
