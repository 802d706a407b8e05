use serde_json::{Value, json};
use shardferry::planner::{PerResource, Plan, Resource};

use crate::names::Names;

/// The plan for scripts.
pub(crate) fn json_of(plan: &Plan, names: &Names) -> Value {
    let moves = plan.moves.iter().map(|one| {
        json!({
            "shard": one.shard,
            "shard_name": names.shard_name(one.shard),
            "from": one.from,
            "from_name": names.node_name(one.from),
            "to": one.to,
            "to_name": names.node_name(one.to),
            "wave": one.wave,
            "bytes": one.bytes,
            "reason": one.reason.to_string(),
        })
    });
    let loads = plan.loads.iter().map(|load| {
        let bytes = |loads: &PerResource<u128>| number(*loads.get(Resource::Bytes));
        let shards = |loads: &PerResource<u128>| number(*loads.get(Resource::Count));
        json!({
            "node": load.node,
            "node_name": names.node_name(load.node),
            "before": { "shards": shards(&load.before), "bytes": bytes(&load.before) },
            "after": { "shards": shards(&load.after), "bytes": bytes(&load.after) },
        })
    });
    json!({
        "moves": moves.collect::<Vec<_>>(),
        "total_bytes": number(plan.total_bytes),
        "lower_bound_moves": plan.lower_bound_moves,
        "gap_moves": plan.gap_moves(),
        "loads": loads.collect::<Vec<_>>(),
        "left": plan.left.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// JSON has no number beyond 64 bits that every reader understands.
fn number(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
