//! Where there are no sockets of files, nobody answers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shardferry::MigrationTracker;

use crate::exit::Exit;
use crate::output::Output;

#[derive(Debug)]
pub(crate) enum Asker {}

impl Asker {
    pub(crate) fn out(&self, _: &str) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn err(&self, _: &str) -> io::Result<()> {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum Served {}

pub(crate) fn serve(_: &Path, _: &Arc<MigrationTracker>) -> Option<Served> {
    None
}

pub(crate) fn shared() -> Option<Arc<MigrationTracker>> {
    None
}

pub(crate) fn ask(_: &Path, _: &Output) -> Option<Exit> {
    None
}

pub(crate) fn query(_: &Path, _: &[&str]) -> Option<String> {
    None
}

pub(crate) fn socket_path(db: &Path) -> PathBuf {
    db.to_owned()
}
