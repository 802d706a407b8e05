use std::ffi::OsString;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shardferry::executor::{RunReport, WorksOn};
use shardferry::tracker::ForgiveNodeError;
use shardferry::{Cleanup, NodeId};

use super::Context;
use crate::drive::{self, Drive, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::mover::MoverArgs;
use crate::names::Names;
use crate::table::table;
use crate::{database, interrupt, text, view};

/// Shows the copies that have to go (also without a subcommand), removes them, or gives up those of a
/// node that never comes back. Each blocks moves of its shard onto its node.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry cleanups\n  shardferry cleanups run --node disk-a\n  \
    shardferry cleanups forgive disk-c --reason 'the machine burned down'"
)]
pub(crate) struct Cleanups {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show them
    List,
    /// Remove them now: without their grace period, and without waiting after a failure
    #[command(after_help = "Example:\n  shardferry cleanups run --node disk-a")]
    Run {
        /// Only those of this node (id or name)
        #[arg(long, value_name = "NODE")]
        node: Option<OsString>,
        /// Why
        #[arg(long, default_value = "an operator has no use for the old copies")]
        reason: String,
        #[command(flatten)]
        pace: Pace,
        #[command(flatten)]
        mover: MoverArgs,
    },
    /// Wait no more for those of a node that is down, and never comes back
    #[command(
        after_help = "Example:\n  shardferry cleanups forgive disk-c --reason 'the machine burned down'"
    )]
    Forgive {
        /// The node (id or name)
        node: OsString,
        /// Why nobody needs to remove them
        #[arg(long)]
        reason: String,
    },
}

impl Cleanups {
    /// Whether it removes nothing itself.
    pub(crate) fn only_asks(&self) -> bool {
        match &self.what {
            None | Some(What::List | What::Forgive { .. }) => true,
            Some(What::Run { .. }) => false,
        }
    }
}

pub(crate) fn run(args: &Cleanups, context: Context<'_>) -> Result<Exit, Failure> {
    match &args.what {
        None | Some(What::List) => list(context),
        Some(What::Run {
            node,
            reason,
            pace,
            mover,
        }) => remove(node.as_ref(), reason, (*pace, mover), context),
        Some(What::Forgive { node, reason }) => forgive(node, reason, context),
    }
}

fn list(context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open_to_look(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let cleanups = tracker.cleanups()?;
    context.out.result(
        || match cleanups.is_empty() {
            true => "nothing has to be cleaned up".to_owned(),
            false => text_of(&cleanups, &names),
        },
        || views(&cleanups, &names),
    );
    Ok(Exit::Success)
}

fn remove(
    node: Option<&OsString>,
    reason: &str,
    (pace, mover): (Pace, &MoverArgs),
    context: Context<'_>,
) -> Result<Exit, Failure> {
    let mover = mover.open()?;
    let tracker = database::open_to_work(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let node = node.map(|node| names.find_node(node)).transpose()?;
    let stop = interrupt::token()?;
    let hurried = tracker.hurry_cleanups(node, reason)?;
    let how = Drive {
        mover: mover.as_ref(),
        pace,
        stop: &stop,
    };
    let mut report = drive::drive_with(&tracker, how, |options| {
        options.works_on = WorksOn::Cleanups;
    })?;
    report
        .cleanups
        .retain(|copy| node.is_none_or(|node| copy.node == node));
    context.out.result(
        || removed(&report, &names),
        || {
            json!({
                "hurried": hurried.len(),
                "settled": report.settled,
                "stopped": report.stopped,
                "left": views(&report.cleanups, &names),
            })
        },
    );
    Ok(match (report.cleanups.is_empty(), report.stopped) {
        (true, _) => Exit::Success,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Unfinished,
    })
}

fn removed(report: &RunReport, names: &Names) -> String {
    let removed = match report.settled {
        1 => "1 copy removed".to_owned(),
        settled => format!("{settled} copies removed"),
    };
    if report.cleanups.is_empty() {
        return removed;
    }
    let left = text_of(&report.cleanups, names);
    format!(
        "{removed}; left:\n{left}`shardferry cleanups forgive NODE --reason WHY` gives up those of a \
         node that is down and never comes back"
    )
}

fn forgive(node: &OsString, reason: &str, context: Context<'_>) -> Result<Exit, Failure> {
    let tracker = database::open(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let node = names.find_node(node)?;
    let forgiven = tracker.forgive_node(node, reason);
    let forgiven = forgiven.map_err(|error| refused(error, node, &names))?;
    context.out.result(
        || match forgiven.is_empty() {
            true => format!("{} has no copy that has to go", names.node_and_id(node)),
            false => format!(
                "nobody waits for these any more; if {} does come back, remove them by hand:\n{}",
                names.node_and_id(node),
                text_of(&forgiven, &names)
            ),
        },
        || json!({ "node": node, "forgiven": views(&forgiven, &names) }),
    );
    Ok(Exit::Success)
}

fn refused(error: ForgiveNodeError, node: NodeId, names: &Names) -> Failure {
    let advice = match &error {
        ForgiveNodeError::Store(_) => None,
        ForgiveNodeError::NodeThere { .. } => Some(format!(
            "`shardferry cleanups run --node id:{node}` removes them; of a node that is gone, say \
             `state = \"down\"` in the cluster file and `shardferry apply` it"
        )),
        ForgiveNodeError::NotActivated { .. } => {
            Some("`shardferry run` makes it serve; then give up the old copies".to_owned())
        }
    };
    let failure = match error {
        ForgiveNodeError::Store(error) => return error.into(),
        error @ (ForgiveNodeError::NodeThere { .. } | ForgiveNodeError::NotActivated { .. }) => {
            Failure::new(Exit::Refused, error)
        }
    };
    let failure = failure.context(format_args!(
        "the copies on {} are still waited for",
        names.node_and_id(node)
    ));
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

fn views(cleanups: &[Cleanup], names: &Names) -> Value {
    let cleanups = cleanups.iter();
    cleanups.map(|one| view::cleanup(one, names)).collect()
}

fn text_of(cleanups: &[Cleanup], names: &Names) -> String {
    let headers = [
        "node",
        "shard",
        "what",
        "not before",
        "failed>",
        "last error",
    ];
    let row = |cleanup: &Cleanup| {
        let error = cleanup.last_error.as_ref();
        vec![
            names.node(cleanup.node),
            names.shard(cleanup.shard),
            cleanup.kind.to_string(),
            text::time(cleanup.not_before_ms.max(cleanup.retry_at_ms)),
            cleanup.failed_attempts.to_string(),
            error.map_or_else(String::new, ToString::to_string),
        ]
    };
    table(&headers, cleanups.iter().map(row))
}
