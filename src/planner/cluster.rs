use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{
    Availability, Band, Input, NodeInput, PerResource, PlanError, Refusal, Resource, ShardInput,
};
use crate::schema::{NodeId, ShardId};

/// The most nodes of one plan: 32 bits of weight each must add up to at most 52.
const NODES_MAX: usize = 1 << 20;

/// A node and what the plan so far makes of it. Shared by reference, hence the cells.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) input: &'a NodeInput,
    /// What it holds, with shards in flight at their target.
    pub(super) counted: Cell<PerResource<u128>>,
    /// What it is charged once the waves so far are done: shards in flight at both ends.
    pub(super) used: Cell<PerResource<u128>>,
    /// Where its balanced resource should be.
    pub(super) band: Cell<Band>,
}

impl Node<'_> {
    pub(super) fn id(&self) -> NodeId {
        self.input.id
    }

    pub(super) fn is(&self, state: Availability) -> bool {
        self.input.state == state
    }

    pub(super) fn load(&self, resource: Resource) -> u128 {
        *self.counted.get().get(resource)
    }

    /// Compares the fullness of this node at `load` with that of `other` at `other_load`: the
    /// loads relative to the weights of the nodes.
    pub(super) fn cmp_level(&self, load: u128, other: &Node<'_>, other_load: u128) -> Ordering {
        let (weight, other_weight) = (self.input.weight, other.input.weight);
        if weight == other_weight {
            return load.cmp(&other_load);
        }
        load.saturating_mul(u128::from(other_weight))
            .cmp(&other_load.saturating_mul(u128::from(weight)))
    }
}

/// Why a shard is not moved at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Pinned,
    Quarantined,
    InFlight,
}

/// A shard at the start, and whether the plan moves it.
#[derive(Debug)]
pub(super) struct Shard<'a, 'n> {
    pub(super) input: &'a ShardInput,
    pub(super) owner: &'n Node<'a>,
    pub(super) stay: Option<Stay>,
    /// Nodes that refuse it whatever happens, by id.
    pub(super) refused: Vec<(NodeId, Refusal)>,
    /// The only nodes that may take it, by id. Empty: all.
    pub(super) allowed: Vec<NodeId>,
    pub(super) moved: Cell<bool>,
}

impl Shard<'_, '_> {
    pub(super) fn weight(&self, resource: Resource) -> u64 {
        *self.input.weights.get(resource)
    }

    pub(super) fn is_movable(&self) -> bool {
        self.stay.is_none() && !self.moved.get()
    }
}

/// The nodes of `input` by id, still empty.
pub(super) fn nodes(input: &Input) -> Result<Vec<Node<'_>>, PlanError> {
    if input.nodes.len() > NODES_MAX {
        return Err(PlanError::TooManyNodes {
            got: input.nodes.len(),
            max: NODES_MAX,
        });
    }
    let mut sorted: BTreeMap<NodeId, &NodeInput> = BTreeMap::new();
    for node in &input.nodes {
        if node.weight == 0 || node.weight > NodeInput::WEIGHT_MAX {
            return Err(PlanError::NodeWeight {
                node: node.id,
                got: node.weight,
            });
        }
        if let Some(first) = sorted.insert(node.id, node) {
            return Err(PlanError::DuplicateNode {
                node: node.id,
                first: first.state,
                first_weight: first.weight,
                second: node.state,
                second_weight: node.weight,
            });
        }
    }
    let empty = |input| Node {
        input,
        counted: Cell::default(),
        used: Cell::default(),
        band: Cell::new(Band { least: 0, most: 0 }),
    };
    Ok(sorted.into_values().map(empty).collect())
}

/// The node with this id.
pub(super) fn find<'n, 'a>(nodes: &'n [Node<'a>], id: NodeId) -> Option<&'n Node<'a>> {
    let at = nodes.binary_search_by_key(&id, Node::id).ok()?;
    nodes.get(at)
}

/// The shards of `input` by id, with the rules that name them.
pub(super) fn shards<'a, 'n>(
    input: &'a Input,
    nodes: &'n [Node<'a>],
) -> Result<Vec<Shard<'a, 'n>>, PlanError> {
    let mut shards = Vec::with_capacity(input.shards.len());
    for shard in &input.shards {
        let owner = find(nodes, shard.owner).ok_or(PlanError::UnknownOwner {
            shard: shard.id,
            owner: shard.owner,
            nodes: nodes.len(),
        })?;
        let disallowed = shard.disallowed.iter().map(|id| (*id, Refusal::Disallowed));
        let replicas = shard.replicas.iter().map(|id| (*id, Refusal::Replica));
        shards.push(Shard {
            input: shard,
            owner,
            stay: shard.pinned.then_some(Stay::Pinned),
            refused: disallowed.chain(replicas).collect(),
            allowed: shard.allowed.clone(),
            moved: Cell::new(false),
        });
    }
    shards.sort_by_key(|shard| (shard.input.id, shard.input.owner));
    for pair in shards.windows(2) {
        if let [first, second] = pair
            && first.input.id == second.input.id
        {
            return Err(PlanError::DuplicateShard {
                shard: first.input.id,
                first: first.input.owner,
                second: second.input.owner,
            });
        }
    }
    apply_rules(input, &mut shards)?;
    Ok(shards)
}

fn apply_rules(input: &Input, shards: &mut [Shard<'_, '_>]) -> Result<(), PlanError> {
    for id in &input.quarantined {
        if let Some(shard) = find_shard(shards, *id) {
            shard.stay = Some(Stay::Quarantined);
        }
    }
    let mut targets = BTreeMap::new();
    for moving in &input.in_flight {
        if let Some(first) = targets.insert(moving.shard, moving.to) {
            return Err(PlanError::DuplicateInFlight {
                shard: moving.shard,
                first,
                second: moving.to,
            });
        }
        if let Some(shard) = find_shard(shards, moving.shard) {
            shard.stay = Some(Stay::InFlight);
        }
    }
    for (node, id) in &input.cleanups {
        if let Some(shard) = find_shard(shards, *id) {
            shard.refused.push((*node, Refusal::Cleanup));
        }
    }
    for cooling in &input.cooling {
        if let Some(shard) = find_shard(shards, cooling.shard) {
            shard.refused.push((cooling.from, Refusal::Cooling));
        }
    }
    for shard in shards {
        shard.refused.sort_unstable();
        shard.allowed.sort_unstable();
    }
    Ok(())
}

fn find_shard<'s, 'a, 'n>(
    shards: &'s mut [Shard<'a, 'n>],
    id: ShardId,
) -> Option<&'s mut Shard<'a, 'n>> {
    let at = shards
        .binary_search_by_key(&id, |shard| shard.input.id)
        .ok()?;
    shards.get_mut(at)
}
