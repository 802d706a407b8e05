//! The declared nodes, checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use shardferry::schema::text::{Address, NodeName, Zone};
use shardferry::store::Snapshot;
use shardferry::{Node, NodeId, NodeState};
use toml::Spanned;

use super::declared::{Declared, DeclaredNode};
use super::source::Source;
use crate::{marks, registered, text};

/// A node as the file wants it.
#[derive(Clone, Debug)]
pub(super) struct WantedNode {
    pub(super) node: Node,
    /// Where its directory is named in the file, and the directory, when it is to be scanned now.
    pub(super) scan: Option<(std::ops::Range<usize>, PathBuf)>,
    /// Whether its address is a directory.
    pub(super) is_directory: bool,
    pub(super) span: std::ops::Range<usize>,
}

/// Every declared node that is sound; what is wrong with the others is noted in `source`.
pub(super) fn wanted(
    source: &mut Source,
    declared: &Declared,
    now: &Snapshot,
    database: &Path,
) -> Vec<WantedNode> {
    let mut ids = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut directories = elsewhere(declared, now);
    let mut wanted = Vec::new();
    for entry in &declared.nodes {
        let node = entry.get_ref();
        let (id, name) = (*node.id.get_ref(), node.name.get_ref());
        if let Some(first) = ids.insert(id, source.place(&node.id.span())) {
            let message = format!("node id {id} is taken already at {first}; give it another id");
            source.problem(node.id.span(), message);
        }
        if let Some(first) = names.insert(name.clone(), source.place(&node.name.span())) {
            let message =
                format!("node name {name:?} is taken already at {first}; give it another");
            source.problem(node.name.span(), message);
        }
        let registered = registered::node(now, NodeId(id));
        let Some(mut built) = build(source, node, registered) else {
            continue;
        };
        let mut scan = None;
        if let Some(path) = &node.path {
            let directory = directory(source, path, &mut built);
            if let Some(directory) = directory {
                apart(source, path, &directory, name, &mut directories);
                without_database(source, path, &directory, name, database);
                markable(source, path, &built, registered);
                scan = node.scan.then(|| (path.span(), directory));
            }
        } else if node.scan {
            source.problem(
                entry.span(),
                format!("node {name:?} has `scan = true` and no directory; add `path`"),
            );
        }
        if let Some(address) = &node.address {
            elsewhere_than_here(source, address, node, &mut built);
        }
        wanted.push(WantedNode {
            is_directory: node.path.is_some(),
            node: built,
            scan,
            span: entry.span(),
        });
    }
    wanted
}

/// The record: what the file does not speak of stays as it is registered.
fn build(source: &mut Source, wanted: &DeclaredNode, registered: Option<&Node>) -> Option<Node> {
    let name = NodeName::new(wanted.name.get_ref().clone());
    let name = name.map_err(|error| source.problem(wanted.name.span(), error.to_string()));
    let zone = wanted.zone.as_ref().map(|zone| {
        let checked = Zone::new(zone.get_ref().clone());
        checked.map_err(|error| source.problem(zone.span(), error.to_string()))
    });
    let id = NodeId(*wanted.id.get_ref());
    let (name, zone) = (name.ok()?, zone.transpose().ok()?);
    let base = registered
        .cloned()
        .unwrap_or_else(|| Node::new(id, name.clone()));
    Some(Node {
        id,
        name,
        zone,
        address: None,
        capacity_bytes: wanted.capacity_bytes,
        state: wanted.state.unwrap_or_else(|| unsaid(registered)),
        scan: wanted.scan,
        ..base
    })
}

/// The state of a node of which the file says none. A drain is taken back by `undrain`, and not by
/// applying a file again that never spoke of it.
fn unsaid(registered: Option<&Node>) -> NodeState {
    match registered.map(|node| node.state) {
        Some(NodeState::Draining) => NodeState::Draining,
        Some(NodeState::Active | NodeState::Down | NodeState::NoAccept) | None => NodeState::Active,
    }
}

/// Sets the address of a `node` that is no directory of this machine: only a mover knows what it
/// means.
fn elsewhere_than_here(
    source: &mut Source,
    address: &Spanned<String>,
    declared: &DeclaredNode,
    node: &mut Node,
) {
    let text = address.get_ref();
    if declared.path.is_some() {
        let message = format!(
            "node {} has `path` and `address`; a directory has `path`, anything else `address`",
            node.name
        );
        source.problem(address.span(), message);
    } else if Path::new(text).is_dir() {
        let message = format!(
            "the address {text:?} of node {} is a directory; say `path`",
            node.name
        );
        source.problem(address.span(), message);
    } else {
        match Address::new(text.clone()) {
            Ok(address) => node.address = Some(address),
            Err(error) => source.problem(address.span(), error.to_string()),
        }
    }
}

/// Sets the address of `node`; its directory, when that is there. A node that is down may have
/// none at the moment.
fn directory(source: &mut Source, path: &Spanned<String>, node: &mut Node) -> Option<PathBuf> {
    let base = source.path().parent().unwrap_or(Path::new("")).to_owned();
    let joined = std::path::absolute(base.join(path.get_ref()));
    let full = match joined {
        Ok(full) => full,
        Err(error) => {
            source.problem(path.span(), format!("the path makes no sense: {error}"));
            return None;
        }
    };
    let shown = text::path(&full);
    let address = full.to_str().map(|full| Address::new(full.to_owned()));
    match address {
        Some(Ok(address)) => node.address = Some(address),
        Some(Err(error)) => source.problem(path.span(), error.to_string()),
        None => source.problem(
            path.span(),
            format!("{shown} is not UTF-8; move the cluster file to a folder whose name is"),
        ),
    }
    match fs::metadata(&full) {
        Ok(there) if there.is_dir() => fs::canonicalize(&full).ok(),
        Err(_) if node.state == NodeState::Down => None,
        Ok(_) => {
            source.problem(
                path.span(),
                format!("{shown} is not a directory; correct `path`"),
            );
            None
        }
        Err(error) => {
            let message = format!(
                "the directory {shown} of node {} cannot be used ({error}); create or mount it, \
                 correct `path`, or say `state = \"down\"`",
                node.name
            );
            source.problem(path.span(), message);
            None
        }
    }
}

/// The directory of a node is not marked as that of another one.
fn markable(source: &mut Source, path: &Spanned<String>, node: &Node, registered: Option<&Node>) {
    if let Err(error) = marks::missing(node, registered) {
        let error = anyhow::Error::from(error);
        let message = format!("node {} cannot have its directory: {error:#}", node.name);
        source.problem(path.span(), message);
    }
}

/// The directories of registered nodes that the file does not speak of.
fn elsewhere(declared: &Declared, now: &Snapshot) -> Vec<(PathBuf, String)> {
    let spoken_of = |node: &&Node| {
        let mut ids = declared.nodes.iter().map(|one| *one.get_ref().id.get_ref());
        ids.any(|id| NodeId(id) == node.id)
    };
    let others = now.nodes.iter().filter(|node| !spoken_of(node));
    others
        .filter_map(|node| {
            let path = Path::new(node.address.as_ref()?.as_str());
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            Some((path, node.name.to_string()))
        })
        .collect()
}

/// The database must not be taken for a shard, nor be in one.
fn without_database(
    source: &mut Source,
    path: &Spanned<String>,
    directory: &Path,
    name: &str,
    database: &Path,
) {
    if fs::canonicalize(database).is_ok_and(|database| database.starts_with(directory)) {
        let message = format!(
            "the directory of node {name:?} holds the database {}; keep the database elsewhere",
            text::path(database)
        );
        source.problem(path.span(), message);
    }
}

/// Two nodes that share a directory, or lie within each other, would take each other's data for
/// their own.
fn apart(
    source: &mut Source,
    path: &Spanned<String>,
    directory: &Path,
    name: &str,
    others: &mut Vec<(PathBuf, String)>,
) {
    for (other, other_name) in others.iter() {
        if directory.starts_with(other) || other.starts_with(directory) {
            let message = format!(
                "the directory of node {name:?} is, is in, or holds that of node {other_name:?} \
                 ({}); give each a directory of its own",
                text::path(other)
            );
            source.problem(path.span(), message);
        }
    }
    others.push((directory.to_owned(), name.to_owned()));
}
