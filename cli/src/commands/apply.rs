use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use shardferry::tracker::RegistryError;

use super::Context;
use super::rebalance::admit;
use crate::cluster::{self, Changes, Counts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning::{self, Planned};
use crate::text::count;
use crate::{database, marks};

/// Registers the nodes and shards that a cluster file declares (docs/CLUSTER_FILE.md): what is new
/// is added, what changed is updated, what is not in the file is left alone. All in one
/// transaction; apply it again whenever the file or the directories changed.
///
/// Of a plan that `plan --json` wrote (a name that ends in `.json`), begins exactly its moves, or none if
/// the cluster has changed in the way of one; `run` moves them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry apply cluster.toml --dry-run\n  shardferry apply cluster.toml\n  shardferry apply plan.json"
)]
pub(crate) struct Apply {
    /// The cluster file, or the plan
    file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Begins exactly the plan of a file, or nothing of it.
fn begin_plan(args: &Apply, context: Context<'_>) -> Result<Exit, Failure> {
    let plan = planning::read_plan(&args.file)?;
    let tracker = if args.dry_run {
        database::open_to_look(context.db)?
    } else {
        database::open(context.db)?
    };
    let snapshot = tracker.snapshot()?;
    let planned = Planned::of_file(plan, &snapshot)?;
    admit(&planned, Some(&args.file))?;
    let moves = planned.plan.moves.len();
    let begun = if args.dry_run {
        Vec::new()
    } else {
        planning::begin_whole(&tracker, (&planned.plan, &planned.policy), &planned.names)?
    };
    context.out.result(
        || {
            let moves = count(moves, "move");
            match args.dry_run {
                true => format!("{moves} can begin"),
                false => format!("{moves} begun; `shardferry run` moves them"),
            }
        },
        || json!({ "dry_run": args.dry_run, "moves": moves, "migrations": begun }),
    );
    Ok(Exit::Success)
}

/// So many names of each kind are listed without `-v`.
const LISTED: usize = 20;

pub(crate) fn run(args: &Apply, context: Context<'_>) -> Result<Exit, Failure> {
    if args.file.extension().is_some_and(|end| end == "json") {
        return begin_plan(args, context);
    }
    let tracker = if args.dry_run {
        database::open_to_look(context.db)?
    } else {
        database::open(context.db)?
    };
    let before = tracker.snapshot()?;
    let changes = cluster::compare(&args.file, &before, context.db)?;
    for note in &changes.notes {
        context.out.note(format_args!("warning: {note}"));
    }
    if !args.dry_run && !changes.registry.is_empty() {
        let marks = marks::make_missing(&changes.registry, &before)?;
        if let Err(error) = tracker.change_registry(&changes.registry) {
            // After a failure of the file the nodes may be registered all the same.
            if !matches!(error, RegistryError::Store(_)) {
                marks.take_back();
            }
            return Err(changes.refused(error));
        }
    }
    context.out.result(
        || text_of(&changes, args.dry_run, context.verbose),
        || {
            json!({
                "dry_run": args.dry_run,
                "nodes": json_of(&changes.nodes),
                "shards": json_of(&changes.shards),
                "warnings": changes.notes,
            })
        },
    );
    Ok(Exit::Success)
}

fn json_of(counts: &Counts) -> Value {
    json!({
        "added": counts.added,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
    })
}

fn text_of(changes: &Changes, dry_run: bool, verbose: bool) -> String {
    let mut text = String::new();
    for (what, counts) in [("node", &changes.nodes), ("shard", &changes.shards)] {
        for (sign, labels) in [('+', &counts.added), ('~', &counts.updated)] {
            let listed = if verbose { labels.len() } else { LISTED };
            for label in labels.iter().take(listed) {
                text.push_str(&format!("{sign} {what} {label}\n"));
            }
            if let Some(more @ 1..) = labels.len().checked_sub(listed) {
                text.push_str(&format!("{sign} {} more\n", count(more, what)));
            }
        }
    }
    for (what, counts) in [("node", &changes.nodes), ("shard", &changes.shards)] {
        text.push_str(&format!(
            "{what}s: {} added, {} updated, {} unchanged\n",
            counts.added.len(),
            counts.updated.len(),
            counts.unchanged
        ));
    }
    if dry_run {
        text.push_str("dry run: nothing was changed\n");
    }
    text
}
