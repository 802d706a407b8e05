use clap::Args;
use serde_json::{Value, json};
use shardferry::store::Snapshot;
use shardferry::{EventSeq, Node, NodeState};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::registered::Loads;
use crate::{database, standing, text};

/// Shows how everything stands: what is under way and waits, how fast it goes and how long it takes
/// (`unknown` where nobody can say), what is paused, set aside, draining, and to be cleaned up.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry status")]
pub(crate) struct Status {}

pub(crate) fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let summary = tracker.summary()?;
    let newest = tracker.recent_events(1)?.pop();
    let position = newest.map_or(EventSeq(0), |event| event.seq);
    context.out.result(
        || {
            let mut lines = standing::lines(&summary, &names);
            lines.extend(draining(&snapshot).map(|(node, shards, leaving)| {
                let (shards, leaving) = (
                    text::count(shards, "shard"),
                    text::count(leaving, "migration"),
                );
                format!(
                    "draining: {}, {shards} left, {leaving} under way",
                    names.node_and_id(node.id)
                )
            }));
            lines.push(format!("{:<12}{position}", "event"));
            lines.join("\n")
        },
        || {
            let mut view = standing::view(&summary, &names);
            let nodes = draining(&snapshot).map(|(node, shards, leaving)| {
                let (id, name) = (node.id, &node.name);
                json!({ "node": id, "node_name": name, "shards": shards, "under_way": leaving })
            });
            if let Value::Object(fields) = &mut view {
                fields.insert("draining".to_owned(), nodes.collect());
                fields.insert("position".to_owned(), json!(position));
            }
            view
        },
    );
    Ok(Exit::Success)
}

/// The draining nodes, with their shards, and how many migrations leave each.
fn draining(snapshot: &Snapshot) -> impl Iterator<Item = (&Node, u64, usize)> {
    let loads = Loads::of(snapshot);
    let nodes = snapshot
        .nodes
        .iter()
        .filter(|node| node.state == NodeState::Draining);
    nodes.map(move |node| {
        let leaving = snapshot.active.iter().filter(|one| one.from == node.id);
        (node, loads.get(node.id).shards, leaving.count())
    })
}
