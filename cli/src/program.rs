use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::commands;
use crate::output::{self, Output};

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
