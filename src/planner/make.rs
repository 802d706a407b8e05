use std::collections::BTreeMap;

use super::balance::{balance, trigger};
use super::bound::lower_bound;
use super::cluster::{self, Node, Shard};
use super::evacuate::{evacuate, evacuees};
use super::explain::{nodes_left, shards_left};
use super::home::{Home, homes};
use super::schedule::Schedule;
use super::{Availability, Input, NodeLoad, PerResource, Plan, PlanError, Policy};
use crate::schema::NodeId;

/// Plans the moves that empty the draining nodes and bring the active ones into their bands.
///
/// The same input and policy give the same plan; with the moves of the plan in flight there is
/// nothing more to do.
///
/// # Errors
///
/// The input contradicts itself: a duplicate or unknown id, a node weight out of range.
pub fn plan(input: &Input, policy: &Policy) -> Result<Plan, PlanError> {
    let nodes = cluster::nodes(input)?;
    let shards = cluster::shards(input, &nodes)?;
    let mut schedule = Schedule::new(input, policy, &nodes, &shards);
    let before: BTreeMap<NodeId, PerResource<u128>> = nodes
        .iter()
        .map(|node| (node.id(), node.counted.get()))
        .collect();
    let active: Vec<&Node<'_>> = nodes
        .iter()
        .filter(|node| node.is(Availability::Active))
        .collect();
    let homes = solve(&nodes, &shards, &active, policy, &mut schedule);

    let mut left = shards_left(input, &nodes, &shards, &active, &schedule);
    left.extend(nodes_left(&homes, &schedule));
    let loads = nodes.iter().map(|node| NodeLoad {
        node: node.id(),
        before: before.get(&node.id()).copied().unwrap_or_default(),
        after: node.counted.get(),
        band: node.is(Availability::Active).then(|| node.band.get()),
    });
    Ok(Plan {
        total_bytes: schedule.moves.iter().map(|m| u128::from(m.bytes)).sum(),
        lower_bound_moves: lower_bound(policy.balance(), &nodes, &shards, &before),
        loads: loads.collect(),
        left,
        moves: schedule.moves,
    })
}

/// Drains, then balances; and again, as long as the balance made room for what could not leave.
fn solve<'s, 'a, 'n>(
    nodes: &'n [Node<'a>],
    shards: &'s [Shard<'a, 'n>],
    active: &[&Node<'a>],
    policy: &Policy,
    schedule: &mut Schedule,
) -> Vec<Home<'s, 'a, 'n>> {
    let mut homes = homes(nodes, shards, schedule);
    let mut evacuees = evacuees(shards, schedule);
    let mut first = true;
    loop {
        let evacuated = evacuate(&mut evacuees, active, schedule);
        if !evacuated && !first {
            return homes;
        }
        first = false;
        // Cut short, the plan is still judged by where the whole of it would have led.
        let coming = if schedule.is_full() {
            let weights = evacuees.iter().map(|s| u128::from(schedule.weight(s)));
            weights.sum()
        } else {
            0
        };
        let triggered = trigger(coming, active, policy, schedule);
        if !triggered || schedule.is_full() || !balance(&mut homes, schedule) {
            return homes;
        }
    }
}
