//! Why one shard moves where it moves, or stays where it is: what each node says to it.

use std::fmt;

use super::aim::{Aim, helps};
use super::cluster::{Cluster, Stay};
use super::column::{Column, NodeAt, ShardAt};
use super::world::World;
use super::{Availability, Band, Input, Plan, PlanError, Policy, Refusal};
use crate::schema::{NodeId, ShardId};

/// What becomes of a shard in a plan, and what each node says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The shard.
    pub shard: ShardId,
    /// The node that owns it.
    pub owner: NodeId,
    /// What becomes of it.
    pub fate: Fate,
    /// Every node by id: just before the shard moves, or after the plan if it stays.
    pub verdicts: Vec<(NodeId, Verdict)>,
}

/// What becomes of a shard in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It moves: by the move at this place of the plan.
    Moves(usize),
    /// It is pinned.
    Pinned,
    /// It is set aside after failures.
    Quarantined,
    /// A move of it is under way.
    UnderWay,
    /// Its node cannot be reached.
    Unreachable,
    /// It could move, and does not.
    Stays,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moves(_) => "it moves",
            Self::Pinned => "it stays: it is pinned",
            Self::Quarantined => "it stays: it is quarantined",
            Self::UnderWay => "a move of it is under way",
            Self::Unreachable => "it stays: its node is down",
            Self::Stays => "it stays",
        })
    }
}

/// What a node says to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The shard is here, or on its way here.
    Here,
    /// The plan moves it here.
    Chosen,
    /// The node accepts nothing.
    NotAccepting(Availability),
    /// The node refuses it.
    Refused(Refusal),
    /// It takes it, and the balance would be no better.
    NoGain,
    /// It takes it as well, and that would do good as well.
    Takes,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("the shard is here"),
            Self::Chosen => f.write_str("the plan moves it here"),
            Self::NotAccepting(state) => write!(f, "the node is {state}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::NoGain => f.write_str("the balance would be no better"),
            Self::Takes => f.write_str("would do as well"),
        }
    }
}

/// Why `plan`, made from `input` with `policy`, does with a shard what it does. `None`: there is no
/// such shard.
///
/// # Errors
/// The input contradicts itself.
pub fn explain(
    input: &Input,
    policy: &Policy,
    plan: &Plan,
    shard: ShardId,
) -> Result<Option<Account>, PlanError> {
    let cluster = Cluster::new(input, policy)?;
    let mut world = World::new(&cluster);
    let Some(at) = world.find_shard(shard) else {
        return Ok(None);
    };
    let aims = aims(&world, plan);
    let chosen = plan.moves.iter().position(|one| one.shard == shard);
    for one in plan.moves.iter().take(chosen.unwrap_or(plan.moves.len())) {
        if let (Some(moved), Some(to)) = (world.find_shard(one.shard), world.find_node(one.to)) {
            world.put(moved, to);
        }
    }
    let one = chosen.and_then(|place| plan.moves.get(place));
    let target = one.and_then(|one| world.find_node(one.to));
    let must = one.is_some_and(|one| !one.reason.balances());
    let verdict = |node: NodeAt| {
        if world.at(at) == node {
            Verdict::Here
        } else if target == Some(node) {
            Verdict::Chosen
        } else if !world.is(node, Availability::Active) {
            Verdict::NotAccepting(world.nodes[node].state)
        } else if let Some(refusal) = world.refusal(at, node) {
            Verdict::Refused(refusal)
        } else if must
            || (world.is(world.at(at), Availability::Active) && helps(&world, &aims, at, node))
        {
            Verdict::Takes
        } else {
            Verdict::NoGain
        }
    };
    let places = world.nodes.places();
    let verdicts = places.map(|node| (world.nodes[node].id, verdict(node)));
    Ok(Some(Account {
        shard,
        owner: world.nodes[world.owner[at]].id,
        fate: chosen.map_or_else(|| stays(&world, at), Fate::Moves),
        verdicts: verdicts.collect(),
    }))
}

fn stays(world: &World<'_>, shard: ShardAt) -> Fate {
    match world.stay[shard] {
        Stay::Pinned => Fate::Pinned,
        Stay::Quarantined => Fate::Quarantined,
        Stay::InFlight => Fate::UnderWay,
        Stay::Free if world.is(world.owner[shard], Availability::Down) => Fate::Unreachable,
        Stay::Free => Fate::Stays,
    }
}

/// What the plan aimed at, by the bands that it states.
fn aims(world: &World<'_>, plan: &Plan) -> Vec<Aim> {
    let aim = |(rank, resource)| {
        let mut bands = Column::of(world.nodes.len(), Band { least: 0, most: 0 });
        for load in &plan.loads {
            if let (Some(node), Some(band)) = (world.find_node(load.node), load.bands.get(rank)) {
                bands[node] = *band;
            }
        }
        Aim::stated(resource, bands)
    };
    let resources = world.policy.priorities().iter().copied();
    resources.enumerate().map(aim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{NodeInput, PerResource, Resource, ShardInput, plan};

    /// Six shards on node 1; node 2 is empty, node 3 drains, and shard 6 may not go to node 2.
    fn cluster() -> Input {
        let mut input = Input {
            nodes: (1..=4).map(|id| NodeInput::new(NodeId(id))).collect(),
            ..Input::default()
        };
        input.nodes[2].state = Availability::Draining;
        let shard = |id| ShardInput::new(ShardId(id), NodeId(1), PerResource::of_shard(8, 0));
        input.shards = (1..=6).map(shard).collect();
        input.shards[5].disallowed = vec![NodeId(2), NodeId(4)];
        input.shards[4].pinned = true;
        input
    }

    fn explained(shard: u64) -> Option<Account> {
        let input = cluster();
        let policy = Policy::new(Resource::COUNT, 0, 0).unwrap();
        let plan = plan(&input, &policy).unwrap();
        explain(&input, &policy, &plan, ShardId(shard)).unwrap()
    }

    #[test]
    fn a_shard_that_moves_is_told_what_each_node_said_before() {
        let account = explained(1).unwrap();
        assert!(matches!(account.fate, Fate::Moves(_)), "{account:?}");
        let said: Vec<Verdict> = account.verdicts.iter().map(|(_, said)| *said).collect();
        assert_eq!(said[0], Verdict::Here);
        assert_eq!(said[2], Verdict::NotAccepting(Availability::Draining));
        let both = [said[1], said[3]];
        assert!(both.contains(&Verdict::Chosen), "{both:?}");
        assert!(both.contains(&Verdict::Takes), "{both:?}");
    }

    #[test]
    fn a_shard_that_stays_is_told_who_refuses_it() {
        let account = explained(6).unwrap();
        assert_eq!(account.fate, Fate::Stays);
        let refused = (NodeId(2), Verdict::Refused(Refusal::Disallowed));
        assert!(account.verdicts.contains(&refused), "{account:?}");
        let account = explained(5).unwrap();
        assert_eq!(account.fate, Fate::Pinned);
        assert!(account.verdicts.contains(&(NodeId(2), Verdict::NoGain)));
        assert_eq!(explained(7), None);
    }
}
