//! An instance as a cluster: a process is a shard, a service a group, a location a zone. Node and
//! shard n are machine and process n, from 0.

use std::cmp::Reverse;

use shardferry::planner::{
    Input, NodeInput, PerResource, PlanError, Policy, Resource, Resources, ShardInput,
};
use shardferry::schema::{GroupId, NodeId, ShardId};

use super::Instance;
use crate::Result;
use crate::replay::Rules;

const TRIGGER_PPM: u64 = 100_000;
const TARGET_PPM: u64 = 50_000;

/// The resources, by their places.
fn resources(instance: &Instance) -> std::result::Result<Resources, PlanError> {
    let names: Vec<String> = (0..instance.resources.len())
        .map(|at| format!("r{at}"))
        .collect();
    Resources::new(names.iter().map(String::as_str))
}

/// Those with the dearest load first.
fn by_priority(instance: &Instance, resources: &Resources) -> Vec<Resource> {
    let mut order: Vec<Resource> = resources.iter().collect();
    order.sort_by_key(|one| Reverse(instance.resources[one.index()].load_weight));
    order
}

/// The share of a machine is in proportion to its safety capacity of the first resource: what is below
/// that costs nothing.
pub(crate) fn input(instance: &Instance) -> Result<Input> {
    let resources = resources(instance)?;
    let first = by_priority(instance, &resources)[0].index();
    let most = instance
        .machines
        .iter()
        .map(|machine| machine.safety[first])
        .max();
    let unit = most
        .unwrap_or_default()
        .div_ceil(NodeInput::WEIGHT_MAX)
        .max(1);
    let nodes = instance.machines.iter().zip(0..).map(|(machine, id)| {
        let mut node = NodeInput::new(NodeId(id));
        node.zone = Some(machine.location.to_string());
        node.weight = (machine.safety[first] / unit).max(1);
        node.capacity = PerResource::from_fn(&resources, |one| Some(machine.capacity[one.index()]));
        node
    });
    let shards = instance.processes.iter().zip(&instance.initial).zip(0..);
    let shards = shards.map(|((process, machine), id)| {
        let weights = PerResource::from_slice(&process.uses);
        let mut shard = ShardInput::new(ShardId(id), NodeId(*machine as u64), weights);
        shard.group = Some(GroupId(process.service as u64));
        shard
    });
    Ok(Input {
        nodes: nodes.collect(),
        shards: shards.collect(),
        resources,
        ..Input::default()
    })
}

/// Every resource, in the order of what load costs. A policy has one least number of zones for every
/// group: the greatest of any service is safe for all, as no move then takes a group below its own.
/// It moves more than it needs to: groups are spread that need not be.
pub(crate) fn policy(instance: &Instance) -> Result<Policy> {
    let order = by_priority(instance, &resources(instance)?);
    let mut policy = Policy::new(order[0], TRIGGER_PPM, TARGET_PPM)?;
    for resource in &order[1..] {
        policy = policy.then(*resource)?;
    }
    let spread = instance
        .services
        .iter()
        .map(|service| service.spread_min)
        .max();
    Ok(policy.with_min_zones_per_group(u32::try_from(spread.unwrap_or(1))?))
}

/// What the challenge asks of each step.
pub(crate) fn rules(instance: &Instance, input: &Input) -> Rules {
    let is_transient = |one: &Resource| instance.resources[one.index()].is_transient;
    let services = instance.services.iter().zip(0..);
    Rules {
        transient: input.resources.iter().filter(is_transient).collect(),
        zones_min: services
            .map(|(service, id)| (GroupId(id), service.spread_min))
            .collect(),
    }
}
