//! How far the draining of nodes is, in words and in JSON.

use serde_json::{Value, json};
use shardferry::NodeId;
use shardferry::tracker::Draining;

use crate::names::Names;
use crate::text;

/// How far the draining of a node is, for people.
pub(crate) fn lines(node: NodeId, of: &Draining, names: &Names) -> Vec<String> {
    let shown = names.node_and_id(node);
    if of.is_empty() {
        return vec![format!("draining {shown}: it is empty")];
    }
    let begun = match of.begun.len() {
        0 => String::new(),
        begun => format!(" ({begun} begun now)"),
    };
    let mut lines = vec![format!(
        "draining {shown}: {} left on it, {} under way{begun}",
        text::count(of.shards, "shard"),
        text::count(of.under_way.len(), "migration"),
    )];
    for (shard, why) in &of.blocked {
        lines.push(format!(
            "  {} cannot leave: {why}",
            names.shard_and_id(*shard)
        ));
    }
    lines
}

pub(crate) fn view(node: NodeId, of: &Draining, names: &Names) -> Value {
    let blocked = of.blocked.iter().map(|(shard, why)| {
        json!({ "shard": shard, "shard_name": names.shard_name(*shard), "reason": why })
    });
    json!({
        "node": node,
        "node_name": names.node_name(node),
        "empty": of.is_empty(),
        "shards": of.shards,
        "begun": of.begun,
        "under_way": of.under_way,
        "blocked": blocked.collect::<Vec<_>>(),
    })
}
