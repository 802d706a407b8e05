//! A trace of Alibaba: nodes of several sizes, and pods that were placed first-fit.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use shardferry::planner::{Input, NodeInput, PerResource, Resources, ShardInput};
use shardferry::schema::{NodeId, ShardId};

use crate::Result;

#[derive(Deserialize)]
struct Snapshot {
    nodes: Vec<Node>,
    shards: Vec<Pod>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    cpu: u64,
    mem: u64,
}

#[derive(Deserialize)]
struct Pod {
    node: String,
    cpu: u64,
    mem: u64,
}

/// The resources `cpu` and `mem`, both with capacities; the share of a node is in proportion to its
/// CPU. Shards have the ids 1 and up, nodes too.
pub(crate) fn read(path: &Path) -> Result<Input> {
    let snapshot: Snapshot = serde_json::from_slice(&std::fs::read(path)?)?;
    let ids: BTreeMap<&str, NodeId> = snapshot
        .nodes
        .iter()
        .map(|node| node.id.as_str())
        .zip((1..).map(NodeId))
        .collect();
    let nodes = snapshot.nodes.iter().map(|node| {
        let mut input = NodeInput::new(ids[node.id.as_str()]);
        input.capacity = PerResource::from_slice(&[Some(node.cpu), Some(node.mem)]);
        input.weight = node.cpu;
        input
    });
    let mut shards = Vec::new();
    for (pod, id) in snapshot.shards.iter().zip(1..) {
        let owner = ids.get(pod.node.as_str());
        let owner = owner.ok_or_else(|| format!("there is no node `{}`", pod.node))?;
        let weights = PerResource::from_slice(&[pod.cpu, pod.mem]);
        shards.push(ShardInput::new(ShardId(id), *owner, weights));
    }
    Ok(Input {
        resources: Resources::new(["cpu", "mem"])?,
        nodes: nodes.collect(),
        shards,
        ..Input::default()
    })
}
