//! What must hold for a migration to begin, beyond that its shard has no other one.

use super::{BeginError, BeginRequest};
use crate::schema::v1::{Node, NodeState, Settings};
use crate::schema::{NodeId, ShardId, table};
use crate::store::{Tx, get};

/// The rules of a registered shard; its version.
pub(super) fn check_registry(
    tx: &mut dyn Tx,
    request: &BeginRequest,
) -> Result<Option<u64>, BeginError> {
    let BeginRequest {
        shard: id,
        from,
        to,
        ..
    } = *request;
    let shard = get(tx, table::SHARDS, &id)?;
    let current = shard.as_ref().map(|shard| shard.version);
    if let Some(expected) = request.expected_version
        && current != Some(expected)
    {
        return Err(BeginError::VersionChanged {
            shard: id,
            expected,
            current,
        });
    }
    let Some(shard) = shard else {
        return Ok(None);
    };
    if shard.owner != from {
        return Err(BeginError::NotOwner {
            shard: id,
            from,
            owner: shard.owner,
        });
    }
    check_node(tx, id, from, "source", |state| state != NodeState::Down)?;
    check_node(tx, id, to, "destination", |state| {
        state == NodeState::Active
    })?;
    if shard.replicas.contains(&to) {
        return Err(BeginError::HasReplica {
            shard: id,
            node: to,
        });
    }
    let forbidden = if shard.pinned {
        Some("it is pinned")
    } else if shard.disallowed.contains(&to) {
        Some("the node is among those that may not hold it")
    } else if !shard.allowed.is_empty() && !shard.allowed.contains(&to) {
        Some("the node is not among those that may hold it")
    } else {
        None
    };
    match forbidden {
        Some(rule) => Err(BeginError::Forbidden {
            shard: id,
            node: to,
            rule,
        }),
        None => Ok(Some(shard.version)),
    }
}

fn check_node(
    tx: &mut dyn Tx,
    shard: ShardId,
    id: NodeId,
    part: &'static str,
    takes_part: impl Fn(NodeState) -> bool,
) -> Result<(), BeginError> {
    let node: Option<Node> = get(tx, table::NODES, &id)?;
    match node {
        None => Err(BeginError::UnknownNode { shard, node: id }),
        Some(node) if !takes_part(node.state) => Err(BeginError::NodeState {
            shard,
            node: id,
            state: node.state,
            part,
        }),
        Some(_) => Ok(()),
    }
}

/// Nothing begins onto a copy that has to go, nor from one, nor with a shard that is set aside.
pub(super) fn check_leftovers(tx: &mut dyn Tx, request: &BeginRequest) -> Result<(), BeginError> {
    let BeginRequest {
        shard, from, to, ..
    } = *request;
    for node in [to, from] {
        if let Some(cleanup) = get(tx, table::CLEANUPS, &(node, shard))? {
            return Err(BeginError::CleanupOpen {
                shard,
                node,
                migration: cleanup.migration,
                kind: cleanup.kind,
            });
        }
    }
    match get(tx, table::QUARANTINE, &shard)? {
        Some(entry) => Err(BeginError::Quarantined {
            shard,
            since_ms: entry.at_ms,
            migration: entry.migration,
        }),
        None => Ok(()),
    }
}

/// What is free is kept for what is under way, and to make room costs room as well.
pub(super) fn check_space(
    shard: ShardId,
    free_bytes: Option<u64>,
    settings: &Settings,
) -> Result<(), BeginError> {
    match free_bytes {
        Some(free_bytes) if free_bytes < settings.free_bytes_min => Err(BeginError::LowSpace {
            shard,
            free_bytes,
            free_bytes_min: settings.free_bytes_min,
        }),
        Some(_) | None => Ok(()),
    }
}
