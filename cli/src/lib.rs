//! The command line of shardferry, as a library: for its one binary, and for fuzzers of the
//! cluster file. No interface that anybody else should build on.

mod args;
mod commands;

mod cluster;
mod demo;
mod drive;
mod planning;

mod names;
mod progress;
mod registered;
mod show;
mod view;

mod database;
mod exit;
mod failure;
mod interrupt;
mod output;
mod table;
mod text;

pub use cluster::{Changes, Counts, compare};
pub use exit::Exit;
pub use failure::{Failure, Problem};

use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;
use output::Output;

/// Does what the arguments of the process say, and gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let out = Output::new(cli.global.json);
    output::trace(cli.global.verbose);
    let exit = match commands::run(&cli, &out) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print(out.is_json());
            failure.exit
        }
    };
    out.finish(exit).into()
}
