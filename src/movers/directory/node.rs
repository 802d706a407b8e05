//! The directory that is a node.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::error::Problem;
use super::meta::Meta;
use super::together;
use super::tree::{Tree, list};
use crate::executor::{Endpoint, Job};

/// An open node. The node's own path may lead through symlinks; what is in it never does.
#[derive(Debug)]
pub(super) struct Node {
    directory: Arc<OwnedFd>,
    path: PathBuf,
    identity: (u64, u64),
}

impl Node {
    /// Opens the node of `endpoint`.
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self, Problem> {
        let address = address(endpoint)?;
        match Self::at(address) {
            Err(Problem::Io { source, .. }) if is_missing(source.kind()) => {
                let name = called(endpoint);
                Err(Problem::Refused(format!(
                    "{name}: {address:?} is no directory; create or mount it, or register \
                     another address for the node"
                )))
            }
            other => other,
        }
    }

    /// Opens the directory at `path`.
    pub(super) fn at(path: &Path) -> Result<Self, Problem> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .map_err(Problem::io("open the directory", || path.to_owned()))?;
        let stat =
            rustix::fs::fstat(&directory).map_err(Problem::io("look at", || path.to_owned()))?;
        Ok(Self {
            directory: Arc::new(directory),
            path: path.to_owned(),
            identity: Meta::from(&stat).identity,
        })
    }

    /// The same pair is the same directory, whatever path led to it.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The entry `name` of the directory.
    pub(super) fn tree(&self, name: OsString) -> Tree {
        Tree::new(Arc::clone(&self.directory), &self.path, name)
    }

    /// The names of all entries, sorted.
    pub(super) fn names(&self) -> Result<Vec<OsString>, Problem> {
        list(&self.directory).map_err(Problem::io("list the directory", || self.path.clone()))
    }

    /// Gives an entry another name, which nothing may have. A crash leaves the one or the other;
    /// [`Self::sync`] makes it last.
    pub(super) fn rename(&self, from: &Tree, to: &Tree) -> Result<(), Problem> {
        super::rename::no_replace(&self.directory, from, to)
    }

    /// Whether [`Self::sync_file_system`] is as good as a sync of each file.
    pub(super) fn syncs_together(&self) -> bool {
        together::is_enough(&*self.directory)
    }

    /// Makes all last that was written to the file system of the directory. Fails when anything of
    /// it could not be written since the directory was opened, whoever wrote it.
    pub(super) fn sync_file_system(&self) -> Result<(), Problem> {
        together::sync(&*self.directory)
            .map_err(Problem::io("sync the file system of", || self.path.clone()))
    }

    /// Makes what was created, renamed and removed in the directory last.
    pub(super) fn sync(&self) -> Result<(), Problem> {
        rustix::fs::fsync(&*self.directory)
            .map_err(Problem::io("sync the directory", || self.path.clone()))
    }
}

/// Both ends of the move. Refused when they are one directory.
pub(super) fn open_both(job: &Job) -> Result<(Node, Node), Problem> {
    let from = Node::open(&job.from)?;
    let to = Node::open(&job.to)?;
    refuse_same(job, &from, &to)?;
    Ok((from, to))
}

/// A move within one directory would end with the removal of the only copy.
pub(super) fn refuse_same(job: &Job, from: &Node, to: &Node) -> Result<(), Problem> {
    if from.identity() != to.identity() {
        return Ok(());
    }
    Err(Problem::Refused(format!(
        "{} and {} are the same directory ({:?} and {:?}); register another address for one",
        called(&job.from),
        called(&job.to),
        from.path(),
        to.path()
    )))
}

fn address(endpoint: &Endpoint) -> Result<&Path, Problem> {
    match &endpoint.address {
        Some(address) => Ok(Path::new(address.as_str())),
        None => Err(Problem::Refused(format!(
            "{} has no address; register its directory as the address of the node",
            called(endpoint)
        ))),
    }
}

/// The node, for people.
fn called(endpoint: &Endpoint) -> String {
    match &endpoint.name {
        Some(name) => format!("node {} ({name})", endpoint.node),
        None => format!("node {}", endpoint.node),
    }
}

fn is_missing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}
