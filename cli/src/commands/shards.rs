use std::ffi::OsString;

use clap::Args;
use serde_json::Value;
use shardferry::Shard;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::table::table;
use crate::{database, registered, show, text, view};

/// Shows the shards and where they are.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry shards --node disk-a")]
pub(crate) struct Shards {
    /// Only those of this node (id or name)
    #[arg(long, value_name = "NODE")]
    node: Option<OsString>,
}

pub(crate) fn run(args: &Shards, context: Context<'_>) -> Result<Exit, Failure> {
    let snapshot = database::open_to_look(context.db)?.snapshot()?;
    let names = Names::of(&snapshot);
    let node = args
        .node
        .as_ref()
        .map(|node| names.find_node(node))
        .transpose()?;
    let wanted = |shard: &&Shard| node.is_none_or(|node| shard.owner == node);
    let shards: Vec<&Shard> = snapshot.shards.iter().filter(wanted).collect();
    let all_moving = registered::moving(&snapshot);
    let row = |shard: &&Shard| {
        let moving = all_moving.get(&shard.id);
        vec![
            shard.id.to_string(),
            shard.name.to_string(),
            names.node(shard.owner),
            text::bytes(shard.bytes),
            shard
                .range
                .as_ref()
                .map_or_else(|| "-".to_owned(), ToString::to_string),
            moving.map_or_else(String::new, |migration| {
                format!(
                    "to {}, {}",
                    names.node(migration.to),
                    show::status(migration)
                )
            }),
        ]
    };
    context.out.result(
        || match shards.is_empty() {
            true => "no shard is registered there".to_owned(),
            false => table(
                &["id>", "name", "node", "bytes>", "range", "moving"],
                shards.iter().map(row),
            ),
        },
        || {
            let shards = shards.iter();
            shards
                .map(|shard| view::shard(shard, all_moving.get(&shard.id).copied(), &names))
                .collect::<Value>()
        },
    );
    Ok(Exit::Success)
}
