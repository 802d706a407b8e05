use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::{commands, control};

/// Commands that answer nobody, and a run that ends, have a database open no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Does what the arguments of the process say, and gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let out = Output::new(cli.global.json);
    output::trace(cli.global.verbose);
    let exit = execute(&cli, &out);
    out.finish(exit).into()
}

/// Does it here; where another process has the database open, there.
fn execute(cli: &Cli, out: &Output) -> Exit {
    let started = Instant::now();
    let mut done = commands::run(cli, out);
    while cli.command.can_be_asked() && is_in_use(&done) {
        if let Some(exit) = control::ask(&cli.global.db, out) {
            return exit;
        }
        if started.elapsed() > PATIENCE {
            break;
        }
        // Nobody answers: it is about to end, or it is a short command that soon does.
        thread::sleep(LOOK_AGAIN);
        done = commands::run(cli, out);
    }
    done.unwrap_or_else(|failure| {
        failure.print(out);
        failure.exit
    })
}

fn is_in_use(done: &Result<Exit, Failure>) -> bool {
    done.as_ref().is_err_and(Failure::is_in_use)
}
