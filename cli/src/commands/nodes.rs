use clap::Args;
use serde_json::Value;
use shardferry::NodeState;
use shardferry::store::Snapshot;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::registered::{Load, Loads};
use crate::table::table;
use crate::{database, text, view};

/// Shows the nodes and what they hold.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry nodes\n  shardferry nodes --json | jq '.[].bytes'")]
pub(crate) struct Nodes {}

/// How wide a load bar is.
const BAR_CELLS: usize = 20;

pub(crate) fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let snapshot = database::open_to_look(context.db)?.snapshot()?;
    context.out.result(
        || text_of(&snapshot),
        || {
            let loads = Loads::of(&snapshot);
            let nodes = snapshot.nodes.iter();
            nodes
                .map(|node| view::node(node, &loads))
                .collect::<Value>()
        },
    );
    Ok(Exit::Success)
}

fn text_of(snapshot: &Snapshot) -> String {
    if snapshot.nodes.is_empty() {
        return "no node is registered; `shardferry apply FILE` registers some".to_owned();
    }
    let loads = Loads::of(snapshot);
    let rows = snapshot.nodes.iter().map(|node| {
        let Load { shards, bytes } = loads.get(node.id);
        let dash = || "-".to_owned();
        vec![
            node.id.to_string(),
            node.name.to_string(),
            state(node.state).to_owned(),
            node.zone.as_ref().map_or_else(dash, ToString::to_string),
            shards.to_string(),
            text::bytes(bytes),
            text::bar(bytes, loads.bytes_max(), BAR_CELLS),
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

pub(super) fn state(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "active",
        NodeState::Draining => "draining",
        NodeState::Down => "down",
        NodeState::NoAccept => "no-accept",
    }
}
