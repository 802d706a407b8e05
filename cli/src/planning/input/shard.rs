use serde::Deserialize;
use serde::de::MapAccess;
use shardferry::planner::ShardInput;
use shardferry::schema::GroupId;
use shardferry::{NodeId, ShardId};

use super::row::{Row, Scope, needed, once};
use super::values::{Ids, Optional, PositionalSeed, Whole};

/// A shard, and how many weights it has.
pub(super) struct ShardRow {
    pub(super) shard: ShardInput,
    pub(super) weights: usize,
}

/// What the weights of a shard are, for errors.
pub(super) const WEIGHTS: &str = "`weights`, what the shard uses";

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Id,
    Node,
    Group,
    Weights,
    Pinned,
    Replicas,
    Allowed,
    Disallowed,
}

impl Row for ShardRow {
    const EXPECTED: &'static str = r#"a shard, {"id": 1, "node": 1, "weights": [...]}"#;

    fn read<'de, A: MapAccess<'de>>(mut map: A, scope: Scope<'_>) -> Result<Self, A::Error> {
        let (mut id, mut node, mut group, mut weights) = (None, None, None, None);
        let (mut pinned, mut replicas, mut allowed, mut disallowed) = (None, None, None, None);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Id => {
                    once(id.as_ref(), "id")?;
                    let value = map.next_value_seed(Whole("`id` of the shard"))?;
                    scope.trace.is(value);
                    id = Some(value);
                }
                Key::Node => {
                    once(node.as_ref(), "node")?;
                    node = Some(map.next_value_seed(Whole("`node`, the id of the owner"))?);
                }
                Key::Group => {
                    once(group.as_ref(), "group")?;
                    group = Some(map.next_value_seed(Optional("`group`"))?);
                }
                Key::Weights => {
                    once(weights.as_ref(), "weights")?;
                    weights = Some(map.next_value_seed(PositionalSeed {
                        what: WEIGHTS,
                        nullable: false,
                        resources: scope.resources,
                    })?);
                }
                Key::Pinned => {
                    once(pinned.as_ref(), "pinned")?;
                    pinned = Some(map.next_value::<bool>()?);
                }
                Key::Replicas => {
                    once(replicas.as_ref(), "replicas")?;
                    replicas = Some(nodes(&mut map, "`replicas`, nodes with further copies")?);
                }
                Key::Allowed => {
                    once(allowed.as_ref(), "allowed")?;
                    allowed = Some(nodes(&mut map, "`allowed`, the only nodes it may move to")?);
                }
                Key::Disallowed => {
                    once(disallowed.as_ref(), "disallowed")?;
                    disallowed = Some(nodes(&mut map, "`disallowed`, nodes it may not be on")?);
                }
            }
        }
        let weights = needed(weights, "weights")?;
        let shard = ShardInput {
            id: ShardId(needed(id, "id")?),
            owner: NodeId(needed(node, "node")?),
            replicas: replicas.unwrap_or_default(),
            weights: weights.weights(),
            pinned: pinned.unwrap_or_default(),
            group: group.flatten().map(GroupId),
            allowed: allowed.unwrap_or_default(),
            disallowed: disallowed.unwrap_or_default(),
        };
        Ok(Self {
            shard,
            weights: weights.len,
        })
    }
}

fn nodes<'de, A: MapAccess<'de>>(map: &mut A, what: &'static str) -> Result<Vec<NodeId>, A::Error> {
    let ids = map.next_value_seed(Ids(what))?;
    Ok(ids.into_iter().map(NodeId).collect())
}
