//! The shards that are declared by hand, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use shardferry::schema::text::{RangeKey, ShardName};
use shardferry::store::Snapshot;
use shardferry::{KeyRange, NodeId, Shard, ShardId};

use super::declared::{Declared, DeclaredShard};
use super::nodes::WantedNode;
use super::source::Source;
use crate::{drive, registered};

/// A shard as the file wants it.
#[derive(Clone, Debug)]
pub(super) struct WantedShard {
    pub(super) shard: Shard,
    /// Whether the file says how large it is; else a scan does.
    pub(super) sized: bool,
    pub(super) span: Option<Range<usize>>,
}

/// Every declared shard that is sound; what is wrong with the others is noted in `source`, and
/// what is worth knowing in `notes`.
pub(super) fn wanted(
    source: &mut Source,
    declared: &Declared,
    nodes: &[WantedNode],
    now: &Snapshot,
    notes: &mut Vec<String>,
) -> Vec<WantedShard> {
    let known: BTreeSet<NodeId> = nodes
        .iter()
        .map(|wanted| wanted.node.id)
        .chain(now.nodes.iter().map(|node| node.id))
        .collect();
    let mut ids = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut wanted = Vec::new();
    for entry in &declared.shards {
        let shard = entry.get_ref();
        let (id, name) = (*shard.id.get_ref(), shard.name.get_ref());
        if let Some(first) = ids.insert(id, source.place(&shard.id.span())) {
            let message = format!("shard id {id} is taken already at {first}; give it another id");
            source.problem(shard.id.span(), message);
        }
        if let Some(first) = names.insert(name.clone(), source.place(&shard.name.span())) {
            let message =
                format!("shard name {name:?} is taken already at {first}; give it another");
            source.problem(shard.name.span(), message);
        }
        check_nodes(source, shard, &known);
        check_entry(source, shard, nodes);
        let registered = registered::shard(now, ShardId(id));
        if let Some(built) = build(source, shard, registered, &known, notes) {
            wanted.push(WantedShard {
                shard: built,
                sized: shard.bytes.is_some(),
                span: Some(entry.span()),
            });
        }
    }
    overlaps(source, &wanted);
    wanted
}

/// The nodes that a shard names are there, and each replica is named once.
fn check_nodes(source: &mut Source, shard: &DeclaredShard, known: &BTreeSet<NodeId>) {
    let name = shard.name.get_ref();
    let mut seen = BTreeSet::new();
    for node in std::iter::once(&shard.node).chain(&shard.replicas) {
        let id = NodeId(*node.get_ref());
        if !known.contains(&id) {
            let message = format!(
                "shard {name:?} is declared on node {id}, and there is none; declare the node, or \
                 correct the id"
            );
            source.problem(node.span(), message);
        }
    }
    for replica in &shard.replicas {
        if !seen.insert(*replica.get_ref()) {
            let message = format!("shard {name:?} names a replica twice; name each node once");
            source.problem(replica.span(), message);
        }
    }
}

/// Where the node has a directory, the shard's name is that of an entry in it.
fn check_entry(source: &mut Source, shard: &DeclaredShard, nodes: &[WantedNode]) {
    let name = shard.name.get_ref();
    let has_directory =
        |wanted: &WantedNode| wanted.node.id.0 == *shard.node.get_ref() && wanted.is_directory;
    if !is_entry(name) && nodes.iter().any(has_directory) {
        let message = format!(
            "shard name {name:?} can be no entry of its node's directory; rename the shard"
        );
        source.problem(shard.name.span(), message);
    }
}

/// Whether an entry of a directory, which the mover did not make for itself, can have this name.
fn is_entry(name: &str) -> bool {
    !name.contains(['/', '\0']) && name != "." && name != ".." && !drive::is_reserved(name)
}

/// The record: measurements that the file does not speak of stay as they are registered.
fn build(
    source: &mut Source,
    wanted: &DeclaredShard,
    registered: Option<&Shard>,
    known: &BTreeSet<NodeId>,
    notes: &mut Vec<String>,
) -> Option<Shard> {
    let name = ShardName::new(wanted.name.get_ref().as_bytes());
    let name = name.map_err(|error| source.problem(wanted.name.span(), error.to_string()));
    let range = range(source, wanted);
    let (id, node) = (
        ShardId(*wanted.id.get_ref()),
        NodeId(*wanted.node.get_ref()),
    );
    let name = name.ok()?;
    let base = registered
        .cloned()
        .unwrap_or_else(|| Shard::new(id, name.clone(), node));
    // That a node is missing is said already.
    if base.owner != node && known.contains(&node) {
        let owner = base.owner;
        if base.version == 0 {
            let message = format!(
                "shard {name} belongs to node {owner}, not to {node}; `shardferry begin {id} \
                 {owner} {node}` moves it"
            );
            source.problem(wanted.node.span(), message);
        } else {
            notes.push(format!(
                "shard {name} has moved to node {owner} since the file was written (it says {node})"
            ));
        }
    }
    let replicas = wanted.replicas.iter();
    let replicas: Vec<NodeId> = replicas.map(|node| NodeId(*node.get_ref())).collect();
    if replicas.contains(&base.owner) {
        let message = format!(
            "shard {name} has node {} as owner and as replica",
            base.owner
        );
        source.problem(wanted.node.span(), message);
    }
    Some(Shard {
        name,
        range: range.ok()?,
        replicas,
        keys: wanted.keys.unwrap_or(base.keys),
        bytes: wanted.bytes.unwrap_or(base.bytes),
        load: wanted.load.unwrap_or(base.load),
        ..base
    })
}

fn range(source: &mut Source, wanted: &DeclaredShard) -> Result<Option<KeyRange>, ()> {
    let Some(spanned) = &wanted.range else {
        return Ok(None);
    };
    let declared = spanned.get_ref();
    let key = |text: &str| RangeKey::new(text.as_bytes());
    let range = key(&declared.start).and_then(|start| {
        let end = declared.end.as_deref().map(key).transpose()?;
        Ok(KeyRange { start, end })
    });
    match range {
        Ok(range) if range.is_empty() => {
            let message = format!("the range {range} holds no key: `end` has to be after `start`");
            source.problem(spanned.span(), message);
            Err(())
        }
        Ok(range) => Ok(Some(range)),
        Err(error) => {
            source.problem(spanned.span(), error.to_string());
            Err(())
        }
    }
}

/// Two shards must not hold the same key. Sorted by start, only neighbours can.
fn overlaps(source: &mut Source, wanted: &[WantedShard]) {
    let mut ranges: Vec<(&KeyRange, &WantedShard)> = wanted
        .iter()
        .filter_map(|wanted| Some((wanted.shard.range.as_ref()?, wanted)))
        .collect();
    ranges.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start));
    for pair in ranges.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a.overlaps(b)
        {
            let message = format!(
                "the range {b} of shard {} overlaps {a} of shard {}; a key belongs to one shard",
                second.shard.name, first.shard.name
            );
            source.problem(second.span.clone().unwrap_or(0..0), message);
        }
    }
}
