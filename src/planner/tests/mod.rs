mod count;
mod random;
mod rules;
mod weighted;

use super::*;
use crate::schema::{GroupId, NodeId, ShardId};

pub(super) fn policy(balance: Resource, trigger_ppm: u64, target_ppm: u64) -> Policy {
    Policy::new(balance, trigger_ppm, target_ppm).unwrap()
}

pub(super) fn exact() -> Policy {
    policy(Resource::Count, 0, 0)
}

/// Nodes 1, 2, ... that hold shards of these sizes; the shards are numbered from 1.
pub(super) fn cluster(sizes: &[&[u64]]) -> Input {
    let mut input = Input::default();
    for (node, sizes) in (1..).map(NodeId).zip(sizes) {
        input.nodes.push(NodeInput::new(node));
        for size in *sizes {
            let id = ShardId(input.shards.len() as u64 + 1);
            let weights = PerResource::of_shard(*size, 0);
            input.shards.push(ShardInput::new(id, node, weights));
        }
    }
    input
}

/// Nodes that hold so many shards.
pub(super) fn counts(counts: &[usize]) -> Input {
    let sizes: Vec<Vec<u64>> = counts.iter().map(|count| vec![1; *count]).collect();
    cluster(&sizes.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The plan, which holds every invariant.
pub(super) fn checked(input: &Input, policy: &Policy) -> Plan {
    let made = plan(input, policy).unwrap();
    if let Err(found) = invariant_i13_plan_is_safe(input, policy, &made) {
        panic!("{found:#?}\nin {made:#?}\nof {input:#?}");
    }
    made
}

/// The input once `plan` has been carried out.
pub(super) fn applied(input: &Input, plan: &Plan) -> Input {
    let mut next = input.clone();
    for step in &plan.moves {
        let shard = next.shards.iter_mut().find(|shard| shard.id == step.shard);
        shard.unwrap().owner = step.to;
    }
    next
}

/// What each node holds after the plan, by id.
pub(super) fn after(plan: &Plan, resource: Resource) -> Vec<u128> {
    let loads = plan.loads.iter();
    loads.map(|load| *load.after.get(resource)).collect()
}
