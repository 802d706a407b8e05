//! What an input must be, to be planned for.

use super::cluster::Cluster;
use super::column::ROWS_MAX;
use super::{Input, NodeInput, PlanError, Policy, ShardInput};

/// The most nodes of one plan: 32 bits of weight each must add up to at most 52.
const NODES_MAX: usize = 1 << 20;

impl Input {
    /// Whether there can be a plan.
    ///
    /// # Errors
    /// The input contradicts itself, or the policy names a resource that it does not have.
    pub fn verify(&self, policy: &Policy) -> Result<(), PlanError> {
        Cluster::new(self, policy).map(drop)
    }
}

pub(super) fn check_resources(input: &Input, policy: &Policy) -> Result<(), PlanError> {
    let unknown = |name: &str| {
        let known: Vec<_> = input
            .resources
            .iter()
            .map(|one| format!("`{one}`"))
            .collect();
        PlanError::UnknownResource {
            name: name.to_owned(),
            known: known.join(", "),
        }
    };
    for resource in policy.priorities() {
        if !input.resources.contains(*resource) {
            return Err(unknown(resource.name()));
        }
    }
    let limits_bytes = policy.max_bytes().is_some() || policy.min_gain_per_mib() > 0;
    if limits_bytes && input.resources.by_name("bytes").is_none() {
        return Err(unknown("bytes"));
    }
    let resources = input.resources.iter().len();
    let mut nodes = input.nodes.iter();
    match nodes.find(|node| node.capacity.exceeds(resources)) {
        Some(node) => Err(too_many_values("node", node.id.0, resources)),
        None => Ok(()),
    }
}

pub(super) fn too_many_values(what: &'static str, id: u64, resources: usize) -> PlanError {
    PlanError::TooManyValues {
        what,
        id,
        resources,
    }
}

/// The nodes by id.
pub(super) fn nodes(input: &Input) -> Result<Vec<&NodeInput>, PlanError> {
    if input.nodes.len() > NODES_MAX {
        return Err(PlanError::TooManyNodes {
            got: input.nodes.len(),
            max: NODES_MAX,
        });
    }
    let mut nodes: Vec<&NodeInput> = input.nodes.iter().collect();
    nodes.sort_by_key(|node| (node.id, node.state, node.weight));
    for node in &nodes {
        if node.weight == 0 || node.weight > NodeInput::WEIGHT_MAX {
            return Err(PlanError::NodeWeight {
                node: node.id,
                got: node.weight,
            });
        }
    }
    for pair in nodes.windows(2) {
        if let [first, second] = pair
            && first.id == second.id
        {
            return Err(PlanError::DuplicateNode {
                node: first.id,
                first: first.state,
                first_weight: first.weight,
                second: second.state,
                second_weight: second.weight,
            });
        }
    }
    Ok(nodes)
}

/// The shards by id.
pub(super) fn shards(input: &Input) -> Result<Vec<&ShardInput>, PlanError> {
    if input.shards.len() > ROWS_MAX {
        return Err(PlanError::TooManyShards {
            got: input.shards.len(),
            max: ROWS_MAX,
        });
    }
    let mut shards: Vec<&ShardInput> = input.shards.iter().collect();
    if shards.is_sorted_by(|one, next| one.id < next.id) {
        return Ok(shards);
    }
    shards.sort_by_key(|shard| (shard.id, shard.owner));
    for pair in shards.windows(2) {
        if let [first, second] = pair
            && first.id == second.id
        {
            return Err(PlanError::DuplicateShard {
                shard: first.id,
                first: first.owner,
                second: second.owner,
            });
        }
    }
    Ok(shards)
}
