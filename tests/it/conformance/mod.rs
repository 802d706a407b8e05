//! The conformance suite of movers: the directory mover passes, wrong movers do not.

#[cfg(target_os = "linux")]
mod command;
#[cfg(unix)]
mod directory;
mod toy;
mod wrong;

use std::path::PathBuf;

use shardferry::testkit::mover::Options;

/// The files of the trackers in memory, where that is possible: the suite syncs thousands of times.
fn options() -> Options {
    Options {
        folder: in_memory(),
        ..Options::default()
    }
}

fn in_memory() -> Option<PathBuf> {
    Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir())
}
