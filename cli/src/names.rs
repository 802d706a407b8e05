use std::collections::BTreeMap;
use std::ffi::OsStr;

use serde::{Deserialize, Serialize};
use shardferry::planner::Move;
use shardferry::schema::text::ShardName;
use shardferry::store::Snapshot;
use shardferry::{NodeId, ShardId};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;

/// What nodes and shards are called, and which one somebody means.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names {
    nodes: BTreeMap<NodeId, String>,
    shards: BTreeMap<ShardId, ShardName>,
}

impl Names {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let nodes = snapshot.nodes.iter();
        let shards = snapshot.shards.iter();
        Self {
            nodes: nodes.map(|node| (node.id, node.name.to_string())).collect(),
            shards: shards.map(|shard| (shard.id, shard.name.clone())).collect(),
        }
    }

    /// The name of a node, if it is registered.
    pub(crate) fn node_name(&self, id: NodeId) -> Option<&str> {
        self.nodes.get(&id).map(String::as_str)
    }

    /// The name of a shard, escaped, if it is registered.
    pub(crate) fn shard_name(&self, id: ShardId) -> Option<String> {
        self.shards.get(&id).map(ToString::to_string)
    }

    /// A node for people.
    pub(crate) fn node(&self, id: NodeId) -> String {
        self.node_name(id)
            .map_or_else(|| format!("node {id}"), str::to_owned)
    }

    /// A shard for people.
    pub(crate) fn shard(&self, id: ShardId) -> String {
        self.shard_name(id).unwrap_or_else(|| format!("shard {id}"))
    }

    /// A node for a refusal, which speaks of ids: `disk-a (id 1)`.
    pub(crate) fn node_and_id(&self, id: NodeId) -> String {
        self.node_name(id)
            .map_or_else(|| format!("node {id}"), |name| format!("{name} (id {id})"))
    }

    /// As [`Self::node_and_id`].
    pub(crate) fn shard_and_id(&self, id: ShardId) -> String {
        self.shard_name(id)
            .map_or_else(|| format!("shard {id}"), |name| format!("{name} (id {id})"))
    }

    /// A move, as [`Self::node_and_id`].
    pub(crate) fn step(&self, step: &Move) -> String {
        let (from, to) = (self.node_and_id(step.from), self.node_and_id(step.to));
        format!("{} from {from} to {to}", self.shard_and_id(step.shard))
    }

    /// The shard that `given` means: an id, a name, a name as it is shown, `id:7` or `name:7`. An
    /// id need not be registered.
    pub(crate) fn find_shard(&self, given: &OsStr) -> Result<ShardId, Failure> {
        let all = self.shards.iter();
        let named = |wanted: &[u8]| {
            all.clone()
                .find(|(_, name)| name.as_bytes() == wanted)
                .or_else(|| {
                    all.clone()
                        .find(|(_, name)| name.to_string().as_bytes() == wanted)
                })
                .map(|(id, _)| *id)
        };
        let has = |id| self.shards.contains_key(&ShardId(id));
        pick("shard", given, named, has).map(ShardId)
    }

    /// The node that `given` means, as for [`Self::find_shard`].
    pub(crate) fn find_node(&self, given: &OsStr) -> Result<NodeId, Failure> {
        let named = |wanted: &[u8]| {
            let found = self
                .nodes
                .iter()
                .find(|(_, name)| name.as_bytes() == wanted);
            found.map(|(id, _)| *id)
        };
        let has = |id| self.nodes.contains_key(&NodeId(id));
        pick("node", given, named, has).map(NodeId)
    }
}

/// An id, or what has the name. One text that is the name of one and the id of another is refused
/// instead of guessed.
fn pick<Id: Into<IdNumber>>(
    what: &str,
    given: &OsStr,
    named: impl Fn(&[u8]) -> Option<Id>,
    has: impl Fn(u64) -> bool,
) -> Result<u64, Failure> {
    let bytes = given.as_encoded_bytes();
    let shown = text::escaped(bytes);
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<u64>().ok();
    let unknown = || {
        Failure::message(
            Exit::Refused,
            format_args!("there is no {what} named {shown}"),
        )
        .advise(format_args!("`shardferry {what}s` lists them"))
    };
    if let Some(id) = bytes.strip_prefix(b"id:") {
        return number(id).ok_or_else(|| {
            Failure::message(
                Exit::Usage,
                format_args!("{shown} has no number after `id:`"),
            )
        });
    }
    if let Some(name) = bytes.strip_prefix(b"name:") {
        return named(name).map(|id| id.into().0).ok_or_else(unknown);
    }
    match (number(bytes), named(bytes).map(|id| id.into().0)) {
        (Some(id), Some(other)) if id != other && has(id) => Err(Failure::message(
            Exit::Usage,
            format_args!("{shown} is the name of {what} {other}, and the id of another"),
        )
        .advise(format_args!("say `id:{shown}` or `name:{shown}`"))),
        (_, Some(id)) | (Some(id), None) => Ok(id),
        (None, None) => Err(unknown()),
    }
}

/// The number of an id.
struct IdNumber(u64);

impl From<ShardId> for IdNumber {
    fn from(id: ShardId) -> Self {
        Self(id.0)
    }
}

impl From<NodeId> for IdNumber {
    fn from(id: NodeId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let name = |text: &[u8]| ShardName::new(text).unwrap();
        Names {
            nodes: BTreeMap::from([(NodeId(1), "disk-a".to_owned())]),
            shards: BTreeMap::from([
                (ShardId(7), name(b"orders")),
                (ShardId(8), name(b"7")),
                (ShardId(9), name(b"a\xff")),
                (ShardId(10), name(b"11")),
            ]),
        }
    }

    #[test]
    fn an_id_and_a_name_are_both_understood_and_never_confused() {
        let find = |given: &str| names().find_shard(OsStr::new(given));
        assert_eq!(find("orders").unwrap(), ShardId(7));
        assert_eq!(find("9").unwrap(), ShardId(9));
        assert_eq!(find("id:7").unwrap(), ShardId(7));
        assert_eq!(find("name:7").unwrap(), ShardId(8));
        assert_eq!(find("7").unwrap_err().exit, Exit::Usage);
        assert_eq!(find("11").unwrap(), ShardId(10), "there is no id 11");
        assert_eq!(
            find("12").unwrap(),
            ShardId(12),
            "it need not be registered"
        );
        assert_eq!(find(r"a\xff").unwrap(), ShardId(9));
        assert_eq!(find("nothing").unwrap_err().exit, Exit::Refused);
        assert_eq!(names().find_node(OsStr::new("disk-a")).unwrap(), NodeId(1));
    }
}
