use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    apply, backup, begin, cancel, check, cleanups, drain, events, explain, export, history, import,
    init, list, look, nodes, pause, plan, quarantine, rebalance, retry, reverse, run, set_aside,
    settings, shards, show, status, watch,
};
use crate::demo;
use crate::exit;

/// Moves shards between nodes, and never loses one.
#[derive(Debug, Parser)]
#[command(name = "shardferry", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every command")]
pub(crate) struct Global {
    /// The database
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "shardferry.redb"
    )]
    pub(crate) db: PathBuf,
    /// Print the result as JSON, and nothing else, to stdout; errors as JSON to stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say on stderr what is done; twice for more. RUST_LOG chooses exactly
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a skewed cluster of directories, balance it, and verify every byte
    Demo(demo::Demo),
    /// Create a database
    Init(init::Init),
    /// Register the nodes and shards that a cluster file declares
    Apply(apply::Apply),
    /// Show the nodes and what they hold
    Nodes(nodes::Nodes),
    /// Show the shards and where they are
    Shards(shards::Shards),
    /// Show what would balance the nodes; changes nothing
    Plan(plan::PlanArgs),
    /// Plan, ask, and move
    Rebalance(rebalance::Rebalance),
    /// Go on with everything that is unfinished
    Run(run::Run),
    /// Begin to move one shard; `run` does it
    Begin(begin::Begin),
    /// Call a migration off
    Cancel(cancel::Cancel),
    /// Try a migration again, at once or anew
    Retry(retry::Retry),
    /// Begin the way back of a migration that was cut over
    Reverse(reverse::Reverse),
    /// Hold everything back, or a node, or one migration
    Pause(pause::Pause),
    /// Let go on what was paused
    Resume(pause::Resume),
    /// Empty a node
    Drain(drain::Drain),
    /// Take a drain back
    Undrain(drain::Undrain),
    /// Show the shards that failed too often, or let one out
    Quarantine(quarantine::QuarantineArgs),
    /// Show how everything stands
    Status(status::Status),
    /// Show how everything stands, and go on showing it
    Watch(watch::Watch),
    /// List migrations
    List(list::List),
    /// Show one migration
    Show(show::Show),
    /// Say why a migration or a shard waits, or why it failed
    Explain(explain::Explain),
    /// Show what happened to a migration
    History(history::History),
    /// Show what happened, and follow what happens
    Events(events::Events),
    /// Show the copies that have to go, remove them, or give them up
    Cleanups(cleanups::Cleanups),
    /// Show or change the settings of the database
    Settings(settings::SettingsArgs),
    /// Check every invariant of the database, and repair what can be
    Check(check::Check),
    /// Show the rows that were set aside, or give one up
    SetAside(set_aside::SetAsideArgs),
    /// Make a verified copy of the database
    Backup(backup::Backup),
    /// Write the database as JSON lines
    Export(export::Export),
    /// Create a database of exported JSON lines
    Import(import::Import),
    /// One look, for a process that follows what another one has open
    #[command(hide = true)]
    Look(look::Look),
}

impl Command {
    /// Whether a process that has the database open can do it for another: it needs the database, and
    /// neither files of the one who asks nor the database for itself.
    pub(crate) fn can_be_asked(&self) -> bool {
        match self {
            Self::Nodes(_)
            | Self::Shards(_)
            | Self::Begin(_)
            | Self::Cancel(_)
            | Self::Retry(_)
            | Self::Reverse(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Undrain(_)
            | Self::Status(_)
            | Self::Explain(_)
            | Self::Look(_)
            | Self::Quarantine(_)
            | Self::List(_)
            | Self::Show(_)
            | Self::History(_)
            | Self::Settings(_) => true,
            Self::Drain(args) => args.only_marks(),
            Self::Cleanups(args) => args.only_asks(),
            Self::SetAside(args) => args.only_looks(),
            Self::Events(args) => !args.follows(),
            Self::Check(args) => args.only_looks(),
            Self::Plan(args) => args.needs_no_file(),
            Self::Demo(_)
            | Self::Init(_)
            | Self::Apply(_)
            | Self::Rebalance(_)
            | Self::Run(_)
            // It looks again and again, and asks each time by itself.
            | Self::Watch(_)
            | Self::Backup(_)
            | Self::Export(_)
            | Self::Import(_) => false,
        }
    }
}
