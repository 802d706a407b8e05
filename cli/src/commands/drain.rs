use std::ffi::OsString;

use clap::Args;
use serde_json::json;
use shardferry::executor::RunReport;
use shardferry::store::Snapshot;
use shardferry::tracker::Draining;
use shardferry::{MigrationTracker, NodeId, NodeState, TimestampMs};

use super::Context;
use crate::drive::{self, Drive, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::mover::MoverArgs;
use crate::names::Names;
use crate::{database, draining, interrupt, registered, show, view, waits};

/// Empties a node: it accepts no shard any more, and what it has is moved away, for as long as it
/// takes. The mark is in the database: after a restart, `run` goes on with it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shardferry drain disk-a --reason 'it is being replaced' --wait"
)]
pub(crate) struct Drain {
    /// The node (id or name)
    node: OsString,
    /// Why
    #[arg(long, default_value = "drained by an operator")]
    reason: String,
    /// Move until it is empty, or nothing can go on; without it, `run` moves
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    mover: MoverArgs,
}

impl Drain {
    /// Whether it moves nothing itself.
    pub(crate) fn only_marks(&self) -> bool {
        !self.wait
    }
}

/// Takes `drain` back: the node is active again. Moves that were to empty it and have not started are
/// cancelled; those at work go on.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry undrain disk-a --reason 'it stays after all'")]
pub(crate) struct Undrain {
    /// The node (id or name)
    node: OsString,
    /// Why
    #[arg(long, default_value = "no longer drained, by an operator")]
    reason: String,
}

pub(crate) fn drain(args: &Drain, context: Context<'_>) -> Result<Exit, Failure> {
    let mover = args.wait.then(|| args.mover.open()).transpose()?;
    let mut tracker = database::open(context.db)?;
    if args.wait {
        tracker = tracker.serving(context.db);
    }
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let node = names.find_node(&args.node)?;
    let shown = names.node_and_id(node);
    match state(&snapshot, node)? {
        NodeState::Active | NodeState::NoAccept | NodeState::Draining => {}
        NodeState::Down => {
            let what = format_args!("{shown} is down: nothing can be copied from it");
            return Err(Failure::message(Exit::Refused, what).advise(
                "say `state = \"draining\"` in the cluster file when it is back, and `shardferry apply` it",
            ));
        }
    }
    // Before anything changes: a wait that cannot be stopped is not begun.
    let stop = args.wait.then(interrupt::token).transpose()?;
    tracker.drain(node, args.reason.as_str())?;
    let (Some(stop), Some(mover)) = (stop, mover) else {
        let mut nodes = draining::go_on(&tracker)?;
        let of = nodes.remove(&node).ok_or_else(|| not_draining(&shown))?;
        tell(node, &of, None, &tracker, &names, context)?;
        return Ok(Exit::Success);
    };
    let how = Drive {
        mover: mover.as_ref(),
        pace: args.pace,
        stop: &stop,
    };
    let mut done = draining::drive(&tracker, how, draining::go_on)?;
    let Some(of) = done.nodes.remove(&node) else {
        let now = tracker.node(node)?.map(|node| node.state);
        return Err(match now {
            Some(state) if state != NodeState::Draining => Failure::message(
                Exit::Refused,
                format_args!(
                    "{shown} is {} again: somebody took the drain back while it went on",
                    super::nodes::state(state)
                ),
            ),
            Some(_) | None => not_draining(&shown),
        });
    };
    tell(node, &of, Some(&done.report), &tracker, &names, context)?;
    Ok(exit_of(node, &of, &done.report, tracker.now()))
}

/// Nobody can say that a node is empty of which the plan knows nothing: its row cannot be read.
fn not_draining(shown: &str) -> Failure {
    Failure::message(
        Exit::Database,
        format_args!("{shown} is not among the draining nodes"),
    )
    .advise("`shardferry check` lists everything that is wrong with the file")
}

/// The node alone decides: what others wait for is not what was asked.
fn exit_of(node: NodeId, of: &Draining, report: &RunReport, now: TimestampMs) -> Exit {
    let mut report = report.clone();
    report.failed = 0;
    report.cleanups.retain(|copy| copy.node == node);
    report.unfinished.retain(|one| one.from == node);
    match drive::exit_of(&report, now) {
        Exit::Success if !of.is_empty() && report.stopped => Exit::Interrupted,
        Exit::Success if !of.is_empty() => Exit::Unfinished,
        exit @ (Exit::Success
        | Exit::Unexpected
        | Exit::Usage
        | Exit::Refused
        | Exit::Database
        | Exit::Unfinished
        | Exit::Violations
        | Exit::Input
        | Exit::Interrupted) => exit,
    }
}

fn tell(
    node: NodeId,
    of: &Draining,
    report: Option<&RunReport>,
    tracker: &MigrationTracker,
    names: &Names,
    context: Context<'_>,
) -> Result<(), Failure> {
    let reasons = match report {
        Some(report) => {
            let leaving = report.unfinished.iter().filter(|one| one.from == node);
            waits::of_unfinished(tracker, &leaving.collect::<Vec<_>>(), names)?
        }
        None => Vec::new(),
    };
    context.out.result(
        || {
            let mut lines: Vec<String> = report.iter().map(|one| show::run(one, names)).collect();
            lines.extend(waits::summary(&reasons));
            lines.extend(draining::lines(node, of, names));
            if report.is_none() && !of.is_empty() {
                lines.push(
                    "`shardferry run` moves them, and begins more as room is made".to_owned(),
                );
            }
            lines.join("\n")
        },
        || {
            json!({
                "draining": draining::view(node, of, names),
                "run": report.map(|report| view::run(report, names)),
                "waits": waits::views(&reasons),
            })
        },
    );
    Ok(())
}

pub(crate) fn undrain(args: &Undrain, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open(context.db)?;
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    let node = names.find_node(&args.node)?;
    let shown = names.node_and_id(node);
    let state = state(&snapshot, node)?;
    if state != NodeState::Draining {
        let what = format!("{shown} is {}, not draining", super::nodes::state(state));
        return Err(Failure::message(Exit::Refused, what)
            .advise("`shardferry nodes` shows the state of each"));
    }
    let cancelled = tracker.undrain(node, args.reason.as_str())?;
    let moving = tracker.unfinished()?;
    let moving = moving.iter().filter(|one| one.from == node);
    let moving: Vec<_> = moving.map(|one| one.id).collect();
    context.out.result(
        || {
            format!(
                "{shown} is active again: {} cancelled, {} under way from it all the same",
                cancelled.len(),
                moving.len()
            )
        },
        || json!({ "node": node, "cancelled": cancelled, "under_way": moving }),
    );
    Ok(Exit::Success)
}

fn state(snapshot: &Snapshot, node: NodeId) -> Result<NodeState, Failure> {
    let registered = registered::node(snapshot, node);
    registered.map(|node| node.state).ok_or_else(|| {
        Failure::message(Exit::Refused, format_args!("node {node} is not registered"))
            .advise("`shardferry nodes` lists those that are")
    })
}
