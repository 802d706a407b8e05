//! The short lists of a cluster.

use serde::Deserialize;
use serde::de::{Error as _, MapAccess};
use shardferry::planner::{CoolingShard, InFlightMove};
use shardferry::{NodeId, ShardId};

use super::row::{Row, Scope, needed, once};
use super::values::Whole;

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Shard,
    Node,
    From,
    To,
}

/// The ids of an object that has some of these keys.
#[derive(Default)]
struct Ends {
    shard: Option<u64>,
    node: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
}

impl Ends {
    fn read<'de, A: MapAccess<'de>>(
        mut map: A,
        scope: Scope<'_>,
        keys: &'static [&'static str],
    ) -> Result<Self, A::Error> {
        let mut ends = Self::default();
        while let Some(key) = map.next_key()? {
            let (name, what, place) = match key {
                Key::Shard => ("shard", "`shard`, an id", &mut ends.shard),
                Key::Node => ("node", "`node`, an id", &mut ends.node),
                Key::From => ("from", "`from`, the id of a node", &mut ends.from),
                Key::To => ("to", "`to`, the id of a node", &mut ends.to),
            };
            if !keys.contains(&name) {
                return Err(A::Error::unknown_field(name, keys));
            }
            once(place.as_ref(), name)?;
            let value = map.next_value_seed(Whole(what))?;
            *place = Some(value);
            if name == "shard" {
                scope.trace.is(value);
            }
        }
        Ok(ends)
    }
}

impl Row for InFlightMove {
    const EXPECTED: &'static str = r#"a move under way, {"shard": 9, "from": 1, "to": 2}"#;

    fn read<'de, A: MapAccess<'de>>(map: A, scope: Scope<'_>) -> Result<Self, A::Error> {
        let ends = Ends::read(map, scope, &["shard", "from", "to"])?;
        Ok(Self {
            shard: ShardId(needed(ends.shard, "shard")?),
            from: NodeId(needed(ends.from, "from")?),
            to: NodeId(needed(ends.to, "to")?),
        })
    }
}

impl Row for CoolingShard {
    const EXPECTED: &'static str = r#"a shard that moved lately, {"shard": 9, "from": 1}"#;

    fn read<'de, A: MapAccess<'de>>(map: A, scope: Scope<'_>) -> Result<Self, A::Error> {
        let ends = Ends::read(map, scope, &["shard", "from"])?;
        Ok(Self {
            shard: ShardId(needed(ends.shard, "shard")?),
            from: NodeId(needed(ends.from, "from")?),
        })
    }
}

/// A copy that has to go.
pub(super) struct CleanupRow(pub(super) NodeId, pub(super) ShardId);

impl Row for CleanupRow {
    const EXPECTED: &'static str = r#"a copy that has to go, {"node": 1, "shard": 9}"#;

    fn read<'de, A: MapAccess<'de>>(map: A, scope: Scope<'_>) -> Result<Self, A::Error> {
        let ends = Ends::read(map, scope, &["node", "shard"])?;
        let node = NodeId(needed(ends.node, "node")?);
        Ok(Self(node, ShardId(needed(ends.shard, "shard")?)))
    }
}
