//! A mover that a TOML file describes.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use shardferry::movers::CommandMover;
use shardferry::movers::command::CommandConfig;

use super::program;
use crate::cluster::place_in;
use crate::exit::Exit;
use crate::failure::{Failure, Problem};
use crate::text;

/// Such a file takes no more.
const BYTES_MAX: u64 = 1024 * 1024;

const ADVICE: &str = "docs/MOVERS.md says what is in the file of a mover";

/// Reads the file at `path`, and looks whether its program is there.
pub(super) fn read(path: &Path) -> Result<CommandMover, Failure> {
    let shown = text::path(path);
    let text = load(path)?;
    let mut config: CommandConfig = toml::from_str(&text).map_err(|error| {
        let problem = Problem {
            place: place_in(path, &text, error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', "; "),
        };
        let summary = format!("{shown} describes no mover; nothing was begun");
        Failure::problems(summary, vec![problem]).advise(ADVICE)
    })?;
    let refused = |error: anyhow::Error| {
        let context = format!("{shown} describes no mover; nothing was begun");
        Failure::new(Exit::Input, error)
            .context(context)
            .advise(ADVICE)
    };
    let mover = config.build().map_err(|error| refused(error.into()))?;
    let Some(found) = program::find(&config.program, path).map_err(refused)? else {
        return Ok(mover);
    };
    config.program = found;
    config.build().map_err(|error| refused(error.into()))
}

fn load(path: &Path) -> Result<String, Failure> {
    let shown = text::path(path);
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Input, error)
            .context(format_args!("{shown} cannot be read"))
            .advise(ADVICE)
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > usize::try_from(BYTES_MAX).unwrap_or(usize::MAX) {
        let message = format_args!("{shown} is too large; the file of a mover has at most 1 MiB");
        return Err(Failure::message(Exit::Input, message));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::message(Exit::Input, format_args!("{shown} is not UTF-8")))
}
