use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Context;
use crate::database;
use crate::exit::Exit;
use crate::failure::{Failure, writing_advice};
use crate::planning::{self, Aim, NodeAccount, PlanDocument, Planned, ShardAccount};
use crate::text;

/// Shows what would balance the nodes, and why; changes nothing. Moves that are under way count at
/// their destination.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  shardferry plan --by bytes --threshold 0.05
  shardferry plan --explain orders-07
  shardferry plan --json > plan.json; shardferry rebalance --plan plan.json
  shardferry plan --input cluster.json --json")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    aim: Aim,
    /// Plan for the cluster of this JSON file instead of the database (docs/PLAN_FILE.md); `-` is
    /// standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Show why this shard moves where it moves, or why it stays, and what each node says to it
    #[arg(long, value_name = "SHARD", conflicts_with_all = ["explain_node", "check"])]
    explain: Option<OsString>,
    /// Show what this node loses and gains, and why it ends outside its band
    #[arg(long, value_name = "NODE", conflicts_with = "check")]
    explain_node: Option<OsString>,
    /// Check the plan of this file, as `plan --json` wrote it, against the cluster
    #[arg(long, value_name = "PLAN", conflicts_with = "Aim")]
    check: Option<PathBuf>,
    /// Also draw the load of each node before and after into this file
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    svg: Option<PathBuf>,
}

impl PlanArgs {
    /// Whether it needs nothing but the database.
    pub(crate) fn needs_no_file(&self) -> bool {
        self.input.is_none() && self.check.is_none() && self.svg.is_none()
    }
}

pub(crate) fn run(args: &PlanArgs, context: Context<'_>) -> Result<Exit, Failure> {
    if let Some(file) = &args.check {
        return check(args, file, context);
    }
    let planned = match &args.input {
        Some(file) => Planned::on_file(file, &args.aim)?,
        None => {
            let snapshot = database::open_to_look(context.db)?.snapshot()?;
            Planned::on(&snapshot, &args.aim)?
        }
    };
    if let Some(path) = &args.svg {
        draw(&planned, path)?;
    }
    if let Some(shard) = &args.explain {
        let account = ShardAccount::of(&planned, shard)?;
        let text = || account.text(context.verbose);
        context.out.result(text, || account.json());
    } else if let Some(node) = &args.explain_node {
        let account = NodeAccount::of(&planned, node)?;
        let text = || account.text(context.verbose);
        context.out.result(text, || account.json());
    } else {
        context.out.result(
            || planning::text_of(&planned, context.verbose),
            || PlanDocument::of(&planned),
        );
    }
    Ok(Exit::Success)
}

fn draw(planned: &Planned, path: &Path) -> Result<(), Failure> {
    std::fs::write(path, planning::svg_of(planned)).map_err(|error| {
        let advice = writing_advice(&error);
        Failure::new(Exit::Unexpected, error)
            .context(format_args!("{} cannot be written", text::path(path)))
            .advise(advice)
    })
}

/// Checks a plan that was written.
fn check(args: &PlanArgs, file: &Path, context: Context<'_>) -> Result<Exit, Failure> {
    let plan = planning::read_plan(file)?;
    let planned = match &args.input {
        Some(cluster) => Planned::of_files(plan, cluster)?,
        None => {
            let snapshot = database::open_to_look(context.db)?.snapshot()?;
            Planned::of_file(plan, &snapshot)?
        }
    };
    let violations = planning::violations_of(&planned)?;
    let moves = text::count(planned.plan.moves.len(), "move");
    context.out.result(
        || match violations.len() {
            0 => format!("{moves}: the plan holds"),
            found => format!(
                "{}\n{} of a plan of {moves}",
                violations.join("\n"),
                text::count(found, "violation")
            ),
        },
        || json!({ "moves": planned.plan.moves.len(), "violations": violations }),
    );
    Ok(if violations.is_empty() {
        Exit::Success
    } else {
        Exit::Violations
    })
}
