//! Ctrl-C: once stops gracefully, twice at once.

use anyhow::Context as _;
use shardferry::executor::StopToken;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::note;

/// A token that Ctrl-C (or SIGTERM, SIGHUP) stops. The second time ends the process on the spot,
/// which is safe at any moment: the next run goes on.
pub(crate) fn token() -> Result<StopToken, Failure> {
    listen(|| note("stopping: what is being copied is let go (press Ctrl-C again to end at once)"))
}

/// As [`token`], for a command that only looks on: nothing is at stake, and nothing is said.
pub(crate) fn looking() -> Result<StopToken, Failure> {
    listen(|| {})
}

fn listen(say: impl Fn() + Send + 'static) -> Result<StopToken, Failure> {
    let token = StopToken::new();
    let stop = token.clone();
    ctrlc::set_handler(move || {
        if stop.is_stopped() {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        stop.stop();
        say();
    })
    .context("listening for Ctrl-C failed")
    .map_err(|error| Failure::new(Exit::Unexpected, error))?;
    Ok(token)
}

/// The end of a stage that was asked to stop.
pub(crate) fn interrupted() -> Failure {
    Failure::message(Exit::Interrupted, "interrupted").advise("the same command goes on")
}
