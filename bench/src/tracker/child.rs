//! Processes of their own: the program calls itself.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use super::{footprint, restart};
use crate::Result;

/// The first argument of such a process. Not for people.
pub const CHILD: &str = "--child";

/// Does what `arguments` after [`CHILD`] say.
pub fn child(arguments: &[String]) -> ExitCode {
    let done = match arguments {
        [what, rest @ ..] if what == "leave" => restart::leave(rest),
        [what, rest @ ..] if what == "restart" => restart::restart(rest),
        [what, path, rounds] if what == "footprint" => footprint::visit(Path::new(path), rounds),
        _ => Err("nobody calls it like this".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The process that does `what` with `arguments`.
pub(super) fn process(what: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([CHILD, what])
        .args(arguments)
        .stdin(Stdio::null());
    Ok(command)
}
