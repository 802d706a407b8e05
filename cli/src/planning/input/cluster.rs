use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use shardferry::planner::{CoolingShard, InFlightMove, Input, Resources, ShardInput};
use shardferry::{NodeId, ShardId};

use super::ClusterInput;
use super::list::List;
use super::node::{CAPACITY, NodeRow};
use super::row::{RowSeed, Scope, Trace, needed, once};
use super::shard::{ShardRow, WEIGHTS};
use super::small::CleanupRow;
use super::values::{Ids, wrong_number};
use crate::planning::wish::Wish;
use crate::text;

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Hash)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Resources,
    Nodes,
    Shards,
    InFlight,
    Cleanups,
    Cooling,
    Quarantined,
    Policy,
}

impl Key {
    fn name(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Nodes => "nodes",
            Self::Shards => "shards",
            Self::InFlight => "in_flight",
            Self::Cleanups => "cleanups",
            Self::Cooling => "cooling",
            Self::Quarantined => "quarantined",
            Self::Policy => "policy",
        }
    }
}

/// Reads a whole cluster. Its keys come in any order; what is read before what it is checked against
/// is checked at the end.
pub(super) struct Cluster<'a>(pub(super) &'a Trace);

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    input: Input,
    wish: Wish,
    resources: Option<Resources>,
    node_ids: Option<HashSet<NodeId>>,
    shard_ids: HashSet<ShardId>,
    /// One row with each number of values, among those that were read before the resources.
    numbers: HashMap<(&'static str, usize), u64>,
    keys: HashSet<Key>,
}

impl<'de> DeserializeSeed<'de> for Cluster<'_> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Cluster<'_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a cluster, {"nodes": [...], "shards": [...]}"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut read = Read::default();
        while let Some(key) = map.next_key::<Key>()? {
            once(read.keys.get(&key), key.name())?;
            read.keys.insert(key);
            read.value(key, &mut map, self.0)?;
        }
        needed(read.keys.get(&Key::Nodes), "nodes")?;
        needed(read.keys.get(&Key::Shards), "shards")?;
        Ok(read)
    }
}

impl Read {
    fn value<'de, A: MapAccess<'de>>(
        &mut self,
        key: Key,
        map: &mut A,
        trace: &Trace,
    ) -> Result<(), A::Error> {
        let resources = self.resources.clone();
        let scope = Scope {
            trace,
            resources: resources.as_ref(),
        };
        match key {
            Key::Resources => {
                let names: Vec<String> = map.next_value()?;
                let resources = Resources::new(names.iter().map(String::as_str));
                let resources = resources.map_err(A::Error::custom)?;
                self.input.resources = resources.clone();
                self.resources = Some(resources);
                Ok(())
            }
            Key::Nodes => {
                let mut ids = HashSet::new();
                let list = List::new("nodes", scope, |row: NodeRow| {
                    if !ids.insert(row.node.id) {
                        return Err(format!("node {} is listed twice", row.node.id));
                    }
                    if let Some(number) = row.capacities {
                        self.numbers
                            .entry((CAPACITY, number))
                            .or_insert(row.node.id.0);
                    }
                    self.input.nodes.push(row.node);
                    Ok(())
                });
                map.next_value_seed(list)?;
                self.node_ids = Some(ids);
                Ok(())
            }
            Key::Shards => {
                let known = self.node_ids.as_ref();
                map.next_value_seed(List::new("shards", scope, |row: ShardRow| {
                    let ShardRow { shard, weights } = row;
                    if !self.shard_ids.insert(shard.id) {
                        return Err(format!("shard {} is listed twice", shard.id));
                    }
                    if scope.resources.is_none() {
                        self.numbers.entry((WEIGHTS, weights)).or_insert(shard.id.0);
                    }
                    known.map_or(Ok(()), |known| nodes_of(&shard, known))?;
                    self.input.shards.push(shard);
                    Ok(())
                }))
            }
            Key::InFlight => {
                let known = self.node_ids.as_ref();
                let mut moving = HashSet::new();
                map.next_value_seed(List::new("in_flight", scope, |one: InFlightMove| {
                    if !moving.insert(one.shard) {
                        return Err(format!("shard {} is in flight twice", one.shard));
                    }
                    known.map_or(Ok(()), |known| ends_of(&one, known))?;
                    self.input.in_flight.push(one);
                    Ok(())
                }))
            }
            Key::Cleanups => map.next_value_seed(List::new("cleanups", scope, |row| {
                let CleanupRow(node, shard) = row;
                self.input.cleanups.push((node, shard));
                Ok(())
            })),
            Key::Cooling => {
                map.next_value_seed(List::new("cooling", scope, |one: CoolingShard| {
                    self.input.cooling.push(one);
                    Ok(())
                }))
            }
            Key::Quarantined => {
                let ids = map.next_value_seed(Ids("`quarantined`, shards that are set aside"))?;
                self.input.quarantined = ids.into_iter().map(ShardId).collect();
                Ok(())
            }
            Key::Policy => {
                self.wish = map.next_value_seed(RowSeed::new(scope))?;
                Ok(())
            }
        }
    }

    /// Checks what could not be checked while it was read.
    pub(super) fn finish(self) -> Result<ClusterInput, String> {
        let resources = &self.input.resources;
        let mut numbers: Vec<_> = self.numbers.iter().collect();
        numbers.sort_unstable();
        for ((what, number), id) in numbers {
            if *number != resources.iter().len() {
                let kind = if *what == WEIGHTS { "shard" } else { "node" };
                let wrong = wrong_number(what, *number, resources);
                return Err(format!("{kind} {id}: {wrong}"));
            }
        }
        if let Err(error) = self.wish.policy(resources) {
            return Err(format!("policy: {error}"));
        }
        let known = self.node_ids.unwrap_or_default();
        for shard in &self.input.shards {
            nodes_of(shard, &known).map_err(|error| format!("shard {}: {error}", shard.id))?;
        }
        for one in &self.input.in_flight {
            ends_of(one, &known)?;
        }
        Ok(ClusterInput {
            input: self.input,
            wish: self.wish,
        })
    }
}

fn nodes_of(shard: &ShardInput, known: &HashSet<NodeId>) -> Result<(), String> {
    let owner = [shard.owner];
    let lists = [
        ("node", &owner[..]),
        ("replicas", &shard.replicas),
        ("allowed", &shard.allowed),
        ("disallowed", &shard.disallowed),
    ];
    for (key, ids) in lists {
        if let Some(id) = ids.iter().find(|id| !known.contains(id)) {
            let nodes = text::count(known.len(), "node");
            return Err(format!("`{key}`: there is no node {id} among the {nodes}"));
        }
    }
    Ok(())
}

fn ends_of(one: &InFlightMove, known: &HashSet<NodeId>) -> Result<(), String> {
    for (key, id) in [("from", one.from), ("to", one.to)] {
        if !known.contains(&id) {
            let nodes = text::count(known.len(), "node");
            let shard = one.shard;
            return Err(format!(
                "shard {shard} in flight, `{key}`: there is no node {id} among the {nodes}"
            ));
        }
    }
    Ok(())
}
