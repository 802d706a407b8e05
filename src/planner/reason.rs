use std::collections::BTreeMap;
use std::fmt;

use super::{Band, Resource};
use crate::schema::{NodeId, ShardId};

/// Why a node does not take a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The shard's list of allowed nodes does not name it.
    NotAllowed,
    /// The shard's list of disallowed nodes names it.
    Disallowed,
    /// It has a replica of the shard.
    Replica,
    /// A copy of the shard on it is still to be cleaned up.
    Cleanup,
    /// The shard left it within the cooldown.
    Cooling,
    /// It holds another shard of the group.
    Group,
    /// The group would be in fewer zones than it should.
    Zone,
    /// It has no room, with both ends of every move charged.
    Full(Resource),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => f.write_str("not among the allowed nodes"),
            Self::Disallowed => f.write_str("disallowed"),
            Self::Replica => f.write_str("has a replica"),
            Self::Cleanup => f.write_str("has a copy to clean up"),
            Self::Cooling => f.write_str("left within the cooldown"),
            Self::Group => f.write_str("holds a shard of the group"),
            Self::Zone => f.write_str("leaves the group in too few zones"),
            Self::Full(resource) => write!(f, "no room ({resource})"),
        }
    }
}

/// How often each refusal was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals(BTreeMap<Refusal, usize>);

impl Refusals {
    /// Counts one.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let count = self.0.entry(refusal).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether none was met.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each refusal and how often it was met.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, usize)> + '_ {
        self.0.iter().map(|(refusal, count)| (*refusal, *count))
    }
}

impl FromIterator<(Refusal, usize)> for Refusals {
    fn from_iter<I: IntoIterator<Item = (Refusal, usize)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (refusal, count)) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{count} x {refusal}")?;
        }
        Ok(())
    }
}

/// What a plan does not put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// A shard stays where it should not be.
    Shard {
        /// The shard.
        shard: ShardId,
        /// Its node.
        node: NodeId,
        /// What is wrong with that.
        wrong: Wrong,
        /// Why it stays.
        why: WhyShard,
    },
    /// A node stays outside its band.
    Node {
        /// The node.
        node: NodeId,
        /// What is balanced.
        resource: Resource,
        /// What it has after the plan.
        load: u128,
        /// Where it should be.
        band: Band,
        /// Why.
        why: WhyNode,
    },
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shard {
                shard,
                node,
                wrong,
                why,
            } => write!(f, "shard {shard} stays on node {node}, {wrong}: {why}"),
            Self::Node {
                node,
                resource,
                load,
                band,
                why,
            } => write!(
                f,
                "node {node} has {load} {resource}, its band is {band}: {why}"
            ),
        }
    }
}

/// Why a shard should not be where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Its node is being emptied.
    Draining,
    /// Its node may not have it.
    Refused(Refusal),
    /// Its node holds more than it has room for.
    Overfull(Resource),
    /// Its group is in too few zones.
    Spread,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("which is draining"),
            Self::Refused(refusal) => write!(f, "where it may not be ({refusal})"),
            Self::Overfull(resource) => write!(f, "which has more {resource} than room"),
            Self::Spread => f.write_str("and its group is in too few zones"),
        }
    }
}

/// Why a shard stays where it should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyShard {
    /// It is pinned.
    Pinned,
    /// It is set aside after failures.
    Quarantined,
    /// A move that brings it here is under way.
    Arriving,
    /// The plan moves it here, and moves no shard twice: the next plan may move it on.
    Moved,
    /// Its node is down.
    Unreachable,
    /// No node accepts shards.
    NoActiveNode,
    /// Every active node refuses it, or would put nothing right.
    Refused(Refusals),
    /// The plan has as many moves or bytes as it may have.
    MoveLimit,
}

impl fmt::Display for WhyShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => f.write_str("it is pinned"),
            Self::Quarantined => f.write_str("it is quarantined"),
            Self::Arriving => f.write_str("a move that brings it here is under way"),
            Self::Moved => f.write_str("the plan moves it here, and moves a shard once"),
            Self::Unreachable => f.write_str("its node is down"),
            Self::NoActiveNode => f.write_str("no node is active"),
            Self::Refused(refusals) if refusals.is_empty() => f.write_str("no node would do"),
            Self::Refused(refusals) => write!(f, "no node that would do takes it ({refusals})"),
            Self::MoveLimit => f.write_str("the plan is at its limit"),
        }
    }
}

/// Why a node stays outside its band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNode {
    /// The plan has as many moves or bytes as it may have.
    MoveLimit,
    /// What cannot leave is more than the band allows by itself: shards that are pinned,
    /// quarantined or under way.
    Immovable {
        /// How much of its load that is.
        load: u128,
    },
    /// No shard that could leave is movable: the rest is pinned, quarantined, or moves already.
    NothingMovable,
    /// No single move brings the nodes closer to their bands: the shards are too coarse.
    NoMoveHelps,
    /// No placement of the shards brings every node into its band: of so few shards, all were tried.
    Impossible,
    /// Moves would help, and each is refused.
    Refused(Refusals),
}

impl fmt::Display for WhyNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoveLimit => f.write_str("the plan is at its limit"),
            Self::Immovable { load } => write!(f, "{load} of it cannot leave"),
            Self::NothingMovable => f.write_str("there is no movable shard"),
            Self::NoMoveHelps => {
                f.write_str("no single move brings the nodes closer to their bands")
            }
            Self::Impossible => {
                f.write_str("no placement brings every node into its band: all were tried")
            }
            Self::Refused(refusals) => {
                write!(f, "every move that would help is refused ({refusals})")
            }
        }
    }
}
