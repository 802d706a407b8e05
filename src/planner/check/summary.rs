use std::collections::BTreeSet;
use std::fmt;

use super::PlanViolation;
use super::world::World;
use crate::planner::{NodeLoad, PerResource, Plan, Warning};
use crate::schema::{NodeId, ShardId};

type Loads = Vec<(NodeId, PerResource<u128>)>;

/// Checks what the plan says of the cluster before its first move.
pub(super) fn before(world: &World<'_>, plan: &Plan, found: &mut Vec<PlanViolation>) {
    let stated = loads(plan, |load| load.before.clone());
    misstated("the load before", &stated, &held(world), found);
    let named = |warning: &Warning| match warning {
        Warning::UnknownInFlight { shard } => Some(*shard),
        Warning::TooFewZones { .. } => None,
    };
    let stated: BTreeSet<ShardId> = plan.warnings.iter().filter_map(named).collect();
    let in_flight = world.input.in_flight.iter().map(|moving| moving.shard);
    let unknown = in_flight.filter(|shard| !world.shards.contains_key(shard));
    misstated(
        "unknown shards in flight",
        &stated,
        &unknown.collect(),
        found,
    );
    let few = |warning: &Warning| match warning {
        Warning::TooFewZones { zones, wanted } => Some((*zones, *wanted)),
        Warning::UnknownInFlight { .. } => None,
    };
    let stated = plan.warnings.iter().find_map(few);
    let zones: BTreeSet<Option<&str>> = world
        .active()
        .map(|(_, node)| node.input.zone.as_deref())
        .collect();
    let zones = u32::try_from(zones.len()).unwrap_or(u32::MAX);
    let wanted = world.policy.min_zones_per_group();
    let is_few = zones < wanted && world.groups.all().next().is_some();
    misstated(
        "the warning of zones",
        &stated,
        &is_few.then_some((zones, wanted)),
        found,
    );
}

/// Checks the totals of the plan, and what it says of the cluster after its last move.
pub(super) fn after(world: &World<'_>, plan: &Plan, found: &mut Vec<PlanViolation>) {
    let moves = plan.moves.len();
    if let Some(max) = world.policy.max_moves().filter(|max| moves > *max) {
        found.push(PlanViolation::TooManyMoves { moves, max });
    }
    let sizes = plan.moves.iter().map(|step| u128::from(step.bytes));
    let bytes = sizes.fold(0, u128::saturating_add);
    misstated("the total of bytes", &plan.total_bytes, &bytes, found);
    let max = world.policy.max_bytes();
    if let Some(max) = max.filter(|max| bytes > u128::from(*max)) {
        found.push(PlanViolation::TooManyBytes { bytes, max });
    }
    let count = |moves: usize| u128::try_from(moves).unwrap_or(u128::MAX);
    for (what, used, bound) in [
        ("moves", count(moves), count(plan.lower_bound_moves)),
        ("bytes", bytes, plan.lower_bound_bytes),
    ] {
        if plan.left.is_empty() && bound > used {
            found.push(PlanViolation::BoundTooHigh { what, used, bound });
        }
    }
    let stated = loads(plan, |load| load.after.clone());
    misstated("the load after", &stated, &held(world), found);
}

fn loads(plan: &Plan, of: fn(&NodeLoad) -> PerResource<u128>) -> Loads {
    plan.loads
        .iter()
        .map(|load| (load.node, of(load)))
        .collect()
}

/// What every node holds, by id.
fn held(world: &World<'_>) -> Loads {
    let nodes = world.nodes.iter();
    nodes
        .map(|(id, node)| {
            let held = PerResource::from_fn(&world.input.resources, |one| node.counted(one));
            (*id, held)
        })
        .collect()
}

fn misstated<T: PartialEq + fmt::Debug>(
    what: &str,
    stated: &T,
    here: &T,
    found: &mut Vec<PlanViolation>,
) {
    if stated != here {
        found.push(PlanViolation::Misstated {
            what: what.to_owned(),
            stated: format!("{stated:?}"),
            found: format!("{here:?}"),
        });
    }
}
