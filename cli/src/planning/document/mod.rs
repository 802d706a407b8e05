//! A plan as JSON (docs/PLAN_FILE.md): what `plan` and `rebalance` print, and what they read again.

mod codes;
mod left;
mod moves;
mod policy;
mod read;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use shardferry::planner::{Input, PerResource, Plan, Resources, Warning};
use shardferry::{NodeId, ShardId};

use super::Planned;
pub(crate) use codes::{refusal_code, state_code};
use left::LeftDocument;
use moves::{BandDocument, MoveDocument};
use policy::PolicyDocument;
pub(crate) use read::{PlanFile, read};

/// What a plan says that it is.
const FORMAT: &str = "shardferry-plan";

/// The version of the format. A field may be added to it; a change of what one means is another.
const VERSION: u32 = 1;

/// A plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlanDocument {
    format: String,
    version: u32,
    resources: Vec<String>,
    policy: PolicyDocument,
    moves: Vec<MoveDocument>,
    total_moves: usize,
    total_bytes: u128,
    waves: u32,
    lower_bound_moves: usize,
    lower_bound_bytes: u128,
    gap_moves: Option<usize>,
    gap_bytes: Option<u128>,
    loads: Vec<LoadDocument>,
    left: Vec<LeftDocument>,
    warnings: Vec<WarningDocument>,
}

/// What a node holds before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct LoadDocument {
    node: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_name: Option<String>,
    state: String,
    before: Vec<u128>,
    after: Vec<u128>,
    /// One for each resource that is balanced.
    bands: Vec<BandDocument>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct WarningDocument {
    kind: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<ShardId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zones: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wanted: Option<u32>,
}

impl PlanDocument {
    pub(crate) fn of(planned: &Planned) -> Self {
        let Planned {
            input,
            policy,
            plan,
            names,
        } = planned;
        let weights = weights(input, plan);
        let moves = plan.moves.iter().map(|one| {
            let weights = weights.get(&one.shard).cloned().unwrap_or_default();
            MoveDocument::of(one, weights, names)
        });
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            resources: input.resources.iter().map(|one| one.to_string()).collect(),
            policy: PolicyDocument::of(policy),
            moves: moves.collect(),
            total_moves: plan.total_moves(),
            total_bytes: plan.total_bytes,
            waves: plan.waves(),
            lower_bound_moves: plan.lower_bound_moves,
            lower_bound_bytes: plan.lower_bound_bytes,
            gap_moves: plan.gap_moves(),
            gap_bytes: plan.gap_bytes(),
            loads: loads(planned),
            left: plan
                .left
                .iter()
                .map(|left| LeftDocument::of(left, names))
                .collect(),
            warnings: plan.warnings.iter().map(WarningDocument::of).collect(),
        }
    }
}

impl WarningDocument {
    fn of(warning: &Warning) -> Self {
        let (kind, shard, zones, wanted) = match *warning {
            Warning::UnknownInFlight { shard } => ("unknown-in-flight", Some(shard), None, None),
            Warning::TooFewZones { zones, wanted } => {
                ("too-few-zones", None, Some(zones), Some(wanted))
            }
        };
        Self {
            kind: kind.to_owned(),
            text: warning.to_string(),
            shard,
            zones,
            wanted,
        }
    }
}

/// What the shards that move use.
fn weights(input: &Input, plan: &Plan) -> HashMap<ShardId, Vec<u64>> {
    let mut weights: HashMap<ShardId, Vec<u64>> = HashMap::with_capacity(plan.moves.len());
    for one in &plan.moves {
        weights.insert(one.shard, Vec::new());
    }
    for shard in &input.shards {
        if let Some(weights) = weights.get_mut(&shard.id) {
            *weights = values(&input.resources, &shard.weights);
        }
    }
    weights
}

fn loads(planned: &Planned) -> Vec<LoadDocument> {
    let Planned { input, names, .. } = planned;
    let states = planned.states();
    let loads = planned.plan.loads.iter().map(|load| LoadDocument {
        node: load.node,
        node_name: names.node_name(load.node).map(str::to_owned),
        state: states
            .get(&load.node)
            .map_or("unknown", |state| state_code(*state))
            .to_owned(),
        before: values(&input.resources, &load.before),
        after: values(&input.resources, &load.after),
        bands: load.bands.iter().map(BandDocument::of).collect(),
    });
    loads.collect()
}

/// The value of each resource, in their order.
fn values<T: Copy + Default + PartialEq>(resources: &Resources, of: &PerResource<T>) -> Vec<T> {
    resources.iter().map(|one| of.get(one)).collect()
}
