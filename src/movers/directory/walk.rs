//! The order in which a tree is visited. The cursor, the digest and the removal rest on it.

use std::ffi::OsString;

use super::error::Problem;
use super::meta::{Kind, Meta};
use super::relative::Relative;
use super::remove::unlock;
use super::tree::Tree;

/// The deepest nesting of folders that is followed. Each level costs a step whenever a path is
/// walked from the top, so without a limit a hostile tree would cost without end.
const DEPTH_MAX: usize = 1024;

/// What the walk has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A folder, before what is in it.
    Enter,
    /// Anything that is not a folder.
    Leaf,
    /// A folder, after what is in it.
    Leave,
}

/// One step of the walk.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) step: Step,
    pub(super) path: Relative,
    pub(super) meta: Meta,
}

/// Visits a tree: a folder, then its entries sorted by name, then the folder again. What vanishes
/// meanwhile is left out.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    tree: &'a Tree,
    started: bool,
    /// Give ourselves access to each folder before it is read.
    unlocking: bool,
    folders: Vec<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: Relative,
    meta: Meta,
    names: std::vec::IntoIter<OsString>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            started: false,
            unlocking: false,
            folders: Vec::new(),
        }
    }

    /// As [`Self::new`], for a tree of our own that is to be removed.
    pub(super) fn unlocking(tree: &'a Tree) -> Self {
        Self {
            unlocking: true,
            ..Self::new(tree)
        }
    }

    /// The names that are still to be visited in the current folder: all of them right after
    /// [`Step::Enter`].
    pub(super) fn names(&self) -> &[OsString] {
        self.folders
            .last()
            .map_or(&[], |folder| folder.names.as_slice())
    }

    /// The next step; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Visit>, Problem> {
        loop {
            let path = match self.folders.last_mut() {
                None if self.started => return Ok(None),
                None => {
                    self.started = true;
                    Relative::top()
                }
                Some(folder) => match folder.names.next() {
                    Some(name) => folder.path.child(&name),
                    None => return Ok(self.leave()),
                },
            };
            let Some(meta) = self.tree.meta(&path)? else {
                continue;
            };
            return self.arrive(path, meta).map(Some);
        }
    }

    fn leave(&mut self) -> Option<Visit> {
        self.folders.pop().map(|folder| Visit {
            step: Step::Leave,
            path: folder.path,
            meta: folder.meta,
        })
    }

    fn arrive(&mut self, path: Relative, meta: Meta) -> Result<Visit, Problem> {
        let step = match meta.kind {
            Kind::File | Kind::Link | Kind::Other => Step::Leaf,
            Kind::Folder => {
                self.enter(&path, &meta)?;
                Step::Enter
            }
        };
        Ok(Visit { step, path, meta })
    }

    fn enter(&mut self, path: &Relative, meta: &Meta) -> Result<(), Problem> {
        if self.folders.len() >= DEPTH_MAX {
            let path = self.tree.path(path);
            return Err(Problem::Refused(format!(
                "{path:?} is nested deeper than {DEPTH_MAX} folders, which is not supported"
            )));
        }
        if self.unlocking {
            unlock(self.tree, path, meta)?;
        }
        let names = self.tree.names(path)?.into_iter();
        self.folders.push(Folder {
            path: path.clone(),
            meta: meta.clone(),
            names,
        });
        Ok(())
    }
}
