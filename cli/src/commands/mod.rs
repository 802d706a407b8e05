pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod begin;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod cleanups;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod look;
pub(crate) mod nodes;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod quarantine;
pub(crate) mod rebalance;
pub(crate) mod retry;
pub(crate) mod reverse;
pub(crate) mod run;
pub(crate) mod set_aside;
mod setting;
pub(crate) mod settings;
pub(crate) mod shards;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod watch;

use std::path::Path;

use crate::args::{Cli, Command};
use crate::demo;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What every command works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The database.
    pub(crate) db: &'a Path,
    /// Where words go.
    pub(crate) out: &'a Output,
    /// Whether to list everything.
    pub(crate) verbose: bool,
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli, out: &Output) -> Result<Exit, Failure> {
    let context = Context {
        db: &cli.global.db,
        out,
        verbose: cli.global.verbose > 0,
    };
    match &cli.command {
        Command::Demo(args) => demo::run(args, context),
        Command::Init(_) => init::run(context),
        Command::Apply(args) => apply::run(args, context),
        Command::Nodes(_) => nodes::run(context),
        Command::Shards(args) => shards::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Rebalance(args) => rebalance::run(args, context),
        Command::Run(args) => run::run(args, context),
        Command::Begin(args) => begin::run(args, context),
        Command::Cancel(args) => cancel::run(args, context),
        Command::Retry(args) => retry::run(args, context),
        Command::Reverse(args) => reverse::run(args, context),
        Command::Pause(args) => pause::pause(args, context),
        Command::Resume(args) => pause::resume(args, context),
        Command::Drain(args) => drain::drain(args, context),
        Command::Undrain(args) => drain::undrain(args, context),
        Command::Quarantine(args) => quarantine::run(args, context),
        Command::Status(_) => status::run(context),
        Command::Watch(args) => watch::run(args, context),
        Command::List(args) => list::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Events(args) => events::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::History(args) => history::run(args, context),
        Command::Cleanups(args) => cleanups::run(args, context),
        Command::Settings(args) => settings::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::SetAside(args) => set_aside::run(args, context),
        Command::Backup(args) => backup::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Look(args) => look::run(args, context),
    }
}
