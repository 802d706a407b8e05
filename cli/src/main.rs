//! The command line of shardferry.

mod args;
mod commands;

mod cluster;
mod demo;
mod drive;
mod lines;
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

use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;
use output::Output;

fn main() -> ExitCode {
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
