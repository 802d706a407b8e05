use clap::Args;
use serde_json::Value;
use shardferry::NodeState;
use shardferry::store::Snapshot;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::table;
use crate::{database, text, view};

/// Shows the nodes and what they hold.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry nodes\n  shardferry nodes --json | jq '.[].bytes'")]
pub(crate) struct Nodes {}

/// How wide a load bar is.
const BAR_CELLS: usize = 20;

pub(crate) fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let snapshot = database::open(context.db)?.snapshot()?;
    context.out.result(
        || text_of(&snapshot),
        || {
            let nodes = snapshot.nodes.iter();
            nodes
                .map(|node| view::node(node, &snapshot))
                .collect::<Value>()
        },
    );
    Ok(Exit::Success)
}

fn text_of(snapshot: &Snapshot) -> String {
    if snapshot.nodes.is_empty() {
        return "no node is registered; `shardferry apply FILE` registers some".to_owned();
    }
    let load = |id| {
        let held = snapshot
            .shards
            .iter()
            .filter(move |shard| shard.owner == id);
        held.fold((0_u64, 0_u64), |(count, bytes), shard| {
            (count.saturating_add(1), bytes.saturating_add(shard.bytes))
        })
    };
    let fullest = snapshot.nodes.iter().map(|node| load(node.id).1).max();
    let rows = snapshot.nodes.iter().map(|node| {
        let (shards, bytes) = load(node.id);
        let dash = || "-".to_owned();
        vec![
            node.id.to_string(),
            node.name.to_string(),
            state(node.state).to_owned(),
            node.zone.as_ref().map_or_else(dash, ToString::to_string),
            shards.to_string(),
            text::bytes(bytes),
            text::bar(bytes, fullest.unwrap_or(0), BAR_CELLS),
            node.capacity_bytes.map_or_else(dash, text::bytes),
            node.address.as_ref().map_or_else(dash, ToString::to_string),
        ]
    });
    let headers = [
        "id>",
        "name",
        "state",
        "zone",
        "shards>",
        "bytes>",
        "load",
        "capacity>",
        "path",
    ];
    table(&headers, rows)
}

fn state(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "active",
        NodeState::Draining => "draining",
        NodeState::Down => "down",
        NodeState::NoAccept => "no-accept",
    }
}
