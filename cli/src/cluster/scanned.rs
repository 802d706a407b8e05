//! The entries of the nodes' directories, as shards.

use std::collections::BTreeMap;
use std::ops::Range;

use shardferry::schema::text::ShardName;
use shardferry::store::Snapshot;
use shardferry::{Cleanup, NodeId, Shard, ShardId};

use super::nodes::WantedNode;
use super::shards::WantedShard;
use super::source::Source;
use crate::{drive, text};

/// An entry of a node's directory.
#[derive(Clone, Debug)]
struct Found {
    node: NodeId,
    bytes: u64,
    span: Range<usize>,
}

type Entries = BTreeMap<ShardName, Vec<Found>>;

/// Adds what lies in the directories to `wanted`: sizes to the shards that are known, and shards
/// for the entries that are new, with the next free ids in the order of nodes and names.
pub(super) fn adopt(
    source: &mut Source,
    nodes: &[WantedNode],
    now: &Snapshot,
    wanted: &mut Vec<WantedShard>,
    notes: &mut Vec<String>,
) {
    let entries = entries(source, nodes);
    let scanned = |node| {
        nodes
            .iter()
            .any(|one| one.node.id == node && one.scan.is_some())
    };
    let registered: BTreeMap<&ShardName, &Shard> = now
        .shards
        .iter()
        .map(|shard| (&shard.name, shard))
        .collect();
    let named = wanted.iter().enumerate();
    let declared: BTreeMap<ShardName, usize> = named
        .map(|(at, one)| (one.shard.name.clone(), at))
        .collect();
    let mut fresh = Vec::new();
    for (name, places) in &entries {
        let registered = registered.get(name).copied();
        let declared = declared.get(name).copied();
        let expected = declared
            .and_then(|at| wanted.get(at).map(|one| one.shard.clone()))
            .or_else(|| registered.cloned());
        let serving = serving(source, nodes, name, places, expected.as_ref(), now);
        let Some(found) = serving else { continue };
        match (declared.and_then(|at| wanted.get_mut(at)), registered) {
            (Some(one), _) if one.sized => {}
            (Some(one), _) => one.shard.bytes = found.bytes,
            (None, Some(shard)) => wanted.push(WantedShard {
                shard: Shard {
                    bytes: found.bytes,
                    ..shard.clone()
                },
                sized: true,
                span: None,
            }),
            (None, None) => fresh.push((found.node, name, found.bytes)),
        }
    }
    let known = wanted.iter().map(|one| &one.shard).chain(&now.shards);
    let known: BTreeMap<ShardId, &Shard> = known.map(|shard| (shard.id, shard)).collect();
    for shard in known.into_values() {
        let there = entries.get(&shard.name);
        let there = there.is_some_and(|all| all.iter().any(|one| one.node == shard.owner));
        if !there && scanned(shard.owner) && !arriving(shard, now) {
            notes.push(format!(
                "shard {} is not in the directory of its node {}; bring it back, or look whether \
                 the disk is mounted",
                shard.name,
                label(nodes, shard.owner)
            ));
        }
    }
    fresh.sort();
    let highest = now.shards.iter().chain(wanted.iter().map(|one| &one.shard));
    let highest = highest.map(|shard| shard.id.0).max().unwrap_or(0);
    for (id, (node, name, bytes)) in (highest.saturating_add(1)..).zip(fresh) {
        wanted.push(WantedShard {
            shard: Shard {
                bytes,
                ..Shard::new(ShardId(id), name.clone(), node)
            },
            sized: true,
            span: None,
        });
    }
}

fn entries(source: &mut Source, nodes: &[WantedNode]) -> Entries {
    let mut entries = Entries::new();
    for wanted in nodes {
        let Some((span, directory)) = &wanted.scan else {
            continue;
        };
        match drive::entries(directory) {
            Ok(scanned) => {
                for entry in scanned {
                    entries.entry(entry.name).or_default().push(Found {
                        node: wanted.node.id,
                        bytes: entry.bytes,
                        span: span.clone(),
                    });
                }
            }
            Err(error) => {
                let directory = text::path(directory);
                let message = format!("scanning {directory} failed: {error:#}");
                source.problem(span.clone(), message);
            }
        }
    }
    entries
}

/// The one copy that serves. Copies that have to go and replicas are as they should be; anything
/// else beside the owner's is noted: nobody but the operator knows which one is right.
fn serving(
    source: &mut Source,
    nodes: &[WantedNode],
    name: &ShardName,
    places: &[Found],
    shard: Option<&Shard>,
    now: &Snapshot,
) -> Option<Found> {
    let accounted = |found: &&Found| {
        shard.is_some_and(|shard| {
            let leaving = |one: &Cleanup| (one.node, one.shard) == (found.node, shard.id);
            found.node != shard.owner
                && (shard.replicas.contains(&found.node) || now.cleanups.iter().any(leaving))
        })
    };
    let mut left = places.iter().filter(|found| !accounted(found));
    let first = left.next()?;
    let stray = left.next();
    match (shard, stray) {
        (None, None) => Some(first.clone()),
        (Some(shard), None) if shard.owner == first.node => Some(first.clone()),
        (Some(shard), None) => {
            let message = format!(
                "the entry {name} lies on node {}, and the shard belongs to node {}; move it back, \
                 or, if it is another thing, rename it",
                label(nodes, first.node),
                label(nodes, shard.owner)
            );
            source.problem(first.span.clone(), message);
            None
        }
        (_, Some(second)) => {
            let message = format!(
                "the entry {name} is on node {} and on node {}; a shard has one owner: remove or \
                 rename one of them",
                label(nodes, first.node),
                label(nodes, second.node)
            );
            source.problem(second.span.clone(), message);
            None
        }
    }
}

/// Whether the shard was cut over and does not serve at its new owner yet.
fn arriving(shard: &Shard, now: &Snapshot) -> bool {
    let mut cleanups = now.cleanups.iter();
    cleanups.any(|one| one.shard == shard.id && !one.activated)
}

fn label(nodes: &[WantedNode], id: NodeId) -> String {
    let wanted = nodes.iter().find(|wanted| wanted.node.id == id);
    wanted.map_or_else(|| id.to_string(), |wanted| wanted.node.name.to_string())
}
