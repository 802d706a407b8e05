//! Whether moves that were planned earlier can still be made.

use std::fmt;

use super::cluster::{Cluster, Stay};
use super::column::{NodeAt, ShardAt};
use super::leaving::Leaving;
use super::world::World;
use super::{Availability, Input, Move, PlanError, Policy, Refusal};
use crate::schema::NodeId;

/// Why a move cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The shard is not listed.
    UnknownShard,
    /// One of its nodes is not listed.
    UnknownNode(NodeId),
    /// The shard belongs to another node than the one that it is to leave.
    OwnedBy(NodeId),
    /// An earlier move moves it already.
    MovedTwice,
    /// It is moving.
    UnderWay,
    /// It is pinned.
    Pinned,
    /// It is set aside after failures.
    Quarantined,
    /// Its node cannot be reached.
    SourceDown,
    /// The node that it goes to accepts nothing.
    NotAccepting(Availability),
    /// The node that it goes to refuses it, after the moves before this one.
    Refused(Refusal),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownShard => f.write_str("there is no such shard"),
            Self::UnknownNode(node) => write!(f, "there is no node {node}"),
            Self::OwnedBy(node) => write!(f, "the shard belongs to node {node}"),
            Self::MovedTwice => f.write_str("an earlier move moves the shard already"),
            Self::UnderWay => f.write_str("a move of the shard is under way"),
            Self::Pinned => f.write_str("the shard is pinned"),
            Self::Quarantined => f.write_str("the shard is quarantined"),
            Self::SourceDown => f.write_str("the node that it leaves is down"),
            Self::NotAccepting(state) => write!(f, "the node that it goes to is {state}"),
            Self::Refused(refusal) => write!(f, "the node that it goes to refuses it: {refusal}"),
        }
    }
}

/// The moves that cannot be made in this order, by their places among `moves`, and what is in the
/// way of each. A move that cannot be made changes nothing for those after it.
///
/// # Errors
/// The input contradicts itself.
pub fn obstacles(
    input: &Input,
    policy: &Policy,
    moves: &[Move],
) -> Result<Vec<(usize, Obstacle)>, PlanError> {
    let cluster = Cluster::new(input, policy)?;
    let mut world = World::new(&cluster);
    let mut leaving = Leaving::new(&cluster);
    let mut wave = 0;
    let mut found = Vec::new();
    for (at, one) in moves.iter().enumerate() {
        if one.wave != wave {
            wave = one.wave;
            leaving.end_wave();
        }
        match way(&world, one, &leaving) {
            Ok((shard, to)) => {
                leaving.leave(&world, shard);
                world.put(shard, to);
            }
            Err(obstacle) => found.push((at, obstacle)),
        }
    }
    Ok(found)
}

fn way(world: &World<'_>, one: &Move, leaving: &Leaving) -> Result<(ShardAt, NodeAt), Obstacle> {
    let shard = world.find_shard(one.shard).ok_or(Obstacle::UnknownShard)?;
    let node = |id| world.find_node(id).ok_or(Obstacle::UnknownNode(id));
    let (from, to) = (node(one.from)?, node(one.to)?);
    if world.is_moved(shard) {
        return Err(Obstacle::MovedTwice);
    }
    match world.stay[shard] {
        Stay::InFlight => return Err(Obstacle::UnderWay),
        Stay::Pinned => return Err(Obstacle::Pinned),
        Stay::Quarantined => return Err(Obstacle::Quarantined),
        Stay::Free => {}
    }
    if world.owner[shard] != from {
        return Err(Obstacle::OwnedBy(world.nodes[world.owner[shard]].id));
    }
    if world.is(from, Availability::Down) {
        return Err(Obstacle::SourceDown);
    }
    if !world.is(to, Availability::Active) {
        return Err(Obstacle::NotAccepting(world.nodes[to].state));
    }
    match leaving.refusal(world, shard, to) {
        Some(refusal) => Err(Obstacle::Refused(refusal)),
        None => Ok((shard, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{
        InFlightMove, MoveReason, NodeInput, PerResource, Resource, ShardInput, plan,
    };
    use crate::schema::ShardId;

    /// Six shards on node 1; nodes 2 and 3 are empty, and node 3 has room for one.
    fn cluster() -> Input {
        let mut input = Input {
            nodes: (1..=3).map(|id| NodeInput::new(NodeId(id))).collect(),
            ..Input::default()
        };
        input.nodes[2].capacity = PerResource::default().with(Resource::COUNT, Some(1));
        let shard = |id| ShardInput::new(ShardId(id), NodeId(1), PerResource::of_shard(8, 0));
        input.shards = (1..=6).map(shard).collect();
        input
    }

    fn one(shard: u64, to: u64, wave: u32) -> Move {
        Move {
            shard: ShardId(shard),
            from: NodeId(1),
            to: NodeId(to),
            wave,
            bytes: 8,
            reason: MoveReason::Drain,
        }
    }

    fn found(input: &Input, moves: &[Move]) -> Vec<(usize, Obstacle)> {
        let policy = Policy::new(Resource::COUNT, 0, 0).unwrap();
        obstacles(input, &policy, moves).unwrap()
    }

    #[test]
    fn nothing_is_in_the_way_of_a_plan_on_the_cluster_that_it_was_made_from() {
        let policy = Policy::new(Resource::COUNT, 0, 0).unwrap();
        let plan = plan(&cluster(), &policy).unwrap();
        assert!(!plan.is_empty());
        assert_eq!(found(&cluster(), &plan.moves), []);
    }

    #[test]
    fn each_obstacle_is_told_and_the_moves_after_it_are_judged_as_if_it_was_not_made() {
        let mut input = cluster();
        input.shards[0].owner = NodeId(2);
        input.shards[1].pinned = true;
        input.quarantined.push(ShardId(3));
        input.in_flight.push(InFlightMove {
            shard: ShardId(4),
            from: NodeId(1),
            to: NodeId(2),
        });
        let moves = [
            one(1, 3, 0),
            one(2, 3, 0),
            one(3, 3, 0),
            one(4, 3, 0),
            one(5, 3, 0),
            one(6, 3, 0),
            one(5, 2, 1),
            one(7, 2, 1),
            one(6, 9, 1),
        ];
        let expected = [
            (0, Obstacle::OwnedBy(NodeId(2))),
            (1, Obstacle::Pinned),
            (2, Obstacle::Quarantined),
            (3, Obstacle::UnderWay),
            (5, Obstacle::Refused(Refusal::Full(Resource::COUNT))),
            (6, Obstacle::MovedTwice),
            (7, Obstacle::UnknownShard),
            (8, Obstacle::UnknownNode(NodeId(9))),
        ];
        assert_eq!(found(&input, &moves), expected);
        input.nodes[0].state = Availability::Down;
        assert_eq!(found(&input, &[one(5, 2, 0)]), [(0, Obstacle::SourceDown)]);
        input.nodes[0].state = Availability::Active;
        input.nodes[1].state = Availability::NoAccept;
        let refused = Obstacle::NotAccepting(Availability::NoAccept);
        assert_eq!(found(&input, &[one(5, 2, 0)]), [(0, refused)]);
    }

    /// What leaves a node makes room there for the next wave, and not for its own.
    #[test]
    fn room_that_a_wave_makes_is_there_in_the_next() {
        let mut input = cluster();
        let weights = PerResource::of_shard(8, 0);
        input
            .shards
            .push(ShardInput::new(ShardId(7), NodeId(3), weights));
        let out = Move {
            from: NodeId(3),
            ..one(7, 2, 0)
        };
        let full = Obstacle::Refused(Refusal::Full(Resource::COUNT));
        assert_eq!(found(&input, &[out.clone(), one(1, 3, 0)]), [(1, full)]);
        assert_eq!(found(&input, &[out, one(1, 3, 1)]), []);
    }
}
