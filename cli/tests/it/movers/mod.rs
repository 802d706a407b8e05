//! Movers that are programs, through the real binary: the examples for people against the real
//! rsync and a real PostgreSQL, and what is left when this program is killed.

mod file;
mod lifeline;
mod postgres;
mod rsync;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long something may take that is about to happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file of the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether the tools are here. Where they have to be (`CI` is set), a missing one is a failure.
fn has(tools: &[&str]) -> bool {
    let missing = |tool: &&&str| {
        let run = Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        !run.is_ok_and(|status| status.success())
    };
    let Some(tool) = tools.iter().find(missing) else {
        return true;
    };
    skip(tool)
}

/// Says that a test looks at nothing, and that this is no secret.
fn skip(tool: &str) -> bool {
    assert!(!demanded(), "{tool} is missing, and CI demands it");
    eprintln!("skipped: {tool} is not installed");
    false
}

fn demanded() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
