use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shardferry::planner::{Left, Refusals, Resources, WhyNode, WhyShard, Wrong};
use shardferry::{NodeId, ShardId};

use super::codes::{refusal, refusal_code, resource, with};
use super::moves::BandDocument;
use crate::names::Names;

/// What stays as it should not be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct LeftDocument {
    /// `shard` or `node`.
    kind: String,
    /// All of it as a sentence.
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<ShardId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard_name: Option<String>,
    node: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrong: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    load: Option<u128>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    band: Option<BandDocument>,
    why: String,
    /// How often each refusal was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusals: Option<BTreeMap<String, usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    immovable: Option<u128>,
}

impl LeftDocument {
    pub(super) fn of(left: &Left, names: &Names) -> Self {
        let text = left.to_string();
        match left {
            Left::Shard {
                shard,
                node,
                wrong,
                why,
            } => {
                let mut document = Self {
                    kind: "shard".to_owned(),
                    text,
                    shard: Some(*shard),
                    shard_name: names.shard_name(*shard),
                    node: *node,
                    node_name: names.node_name(*node).map(str::to_owned),
                    ..Self::default()
                };
                document.set_wrong(*wrong);
                document.set_why_shard(why);
                document
            }
            Left::Node {
                node,
                resource,
                load,
                band,
                why,
            } => {
                let mut document = Self {
                    kind: "node".to_owned(),
                    text,
                    node: *node,
                    node_name: names.node_name(*node).map(str::to_owned),
                    resource: Some(resource.to_string()),
                    load: Some(*load),
                    band: Some(BandDocument::of(band)),
                    ..Self::default()
                };
                document.set_why_node(why);
                document
            }
        }
    }

    fn set_wrong(&mut self, wrong: Wrong) {
        let code = match wrong {
            Wrong::Draining => "draining",
            Wrong::Spread => "spread",
            Wrong::Refused(refusal) => {
                self.refusal = Some(refusal_code(refusal));
                "refused"
            }
            Wrong::Overfull(resource) => {
                self.resource = Some(resource.to_string());
                "overfull"
            }
        };
        self.wrong = Some(code.to_owned());
    }

    fn set_why_shard(&mut self, why: &WhyShard) {
        let code = match why {
            WhyShard::Pinned => "pinned",
            WhyShard::Quarantined => "quarantined",
            WhyShard::Arriving => "arriving",
            WhyShard::Moved => "moved",
            WhyShard::Unreachable => "unreachable",
            WhyShard::NoActiveNode => "no-active-node",
            WhyShard::MoveLimit => "limit",
            WhyShard::Refused(refusals) => {
                self.refusals = Some(counted(refusals));
                "refused"
            }
        };
        code.clone_into(&mut self.why);
    }

    fn set_why_node(&mut self, why: &WhyNode) {
        let code = match why {
            WhyNode::MoveLimit => "limit",
            WhyNode::NothingMovable => "nothing-movable",
            WhyNode::NoMoveHelps => "no-move-helps",
            WhyNode::Impossible => "impossible",
            WhyNode::Immovable { load } => {
                self.immovable = Some(*load);
                "immovable"
            }
            WhyNode::Refused(refusals) => {
                self.refusals = Some(counted(refusals));
                "refused"
            }
        };
        code.clone_into(&mut self.why);
    }

    pub(super) fn left(&self, resources: &Resources) -> Result<Left, String> {
        match self.kind.as_str() {
            "shard" => Ok(Left::Shard {
                shard: with(self.shard, "shard", "shard")?,
                node: self.node,
                wrong: self.wrong(resources)?,
                why: self.why_shard(resources)?,
            }),
            "node" => Ok(Left::Node {
                node: self.node,
                resource: resource(with(self.resource.as_ref(), "resource", "node")?, resources)?,
                load: with(self.load, "load", "node")?,
                band: with(self.band, "band", "node")?.band(),
                why: self.why_node(resources)?,
            }),
            other => Err(format!("nothing of the kind `{other}` can be left")),
        }
    }

    fn wrong(&self, resources: &Resources) -> Result<Wrong, String> {
        let wrong = with(self.wrong.as_deref(), "wrong", "shard")?;
        Ok(match wrong {
            "draining" => Wrong::Draining,
            "spread" => Wrong::Spread,
            "refused" => {
                let code = with(self.refusal.as_ref(), "refusal", wrong)?;
                Wrong::Refused(refusal(code, resources)?)
            }
            "overfull" => {
                let name = with(self.resource.as_ref(), "resource", wrong)?;
                Wrong::Overfull(resource(name, resources)?)
            }
            other => return Err(format!("nothing is wrong in the way of `{other}`")),
        })
    }

    fn why_shard(&self, resources: &Resources) -> Result<WhyShard, String> {
        Ok(match self.why.as_str() {
            "pinned" => WhyShard::Pinned,
            "quarantined" => WhyShard::Quarantined,
            "arriving" => WhyShard::Arriving,
            "moved" => WhyShard::Moved,
            "unreachable" => WhyShard::Unreachable,
            "no-active-node" => WhyShard::NoActiveNode,
            "limit" => WhyShard::MoveLimit,
            "refused" => WhyShard::Refused(self.refusals(resources)?),
            other => return Err(format!("no shard stays because of `{other}`")),
        })
    }

    fn why_node(&self, resources: &Resources) -> Result<WhyNode, String> {
        Ok(match self.why.as_str() {
            "limit" => WhyNode::MoveLimit,
            "nothing-movable" => WhyNode::NothingMovable,
            "no-move-helps" => WhyNode::NoMoveHelps,
            "impossible" => WhyNode::Impossible,
            "immovable" => WhyNode::Immovable {
                load: with(self.immovable, "immovable", "immovable")?,
            },
            "refused" => WhyNode::Refused(self.refusals(resources)?),
            other => return Err(format!("no node stays outside because of `{other}`")),
        })
    }

    fn refusals(&self, resources: &Resources) -> Result<Refusals, String> {
        let counts = with(self.refusals.as_ref(), "refusals", "refused")?;
        let counts = counts.iter();
        counts
            .map(|(code, count)| Ok((refusal(code, resources)?, *count)))
            .collect()
    }
}

fn counted(refusals: &Refusals) -> BTreeMap<String, usize> {
    let counts = refusals.iter();
    counts
        .map(|(refusal, count)| (refusal_code(refusal), count))
        .collect()
}
