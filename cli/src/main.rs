//! The program `shardferry`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shardferry_cli::run()
}
