//! Safe access to a tree: every path is walked name by name from an open folder, and no name is
//! ever followed when it is a symlink. So nothing that is swapped into the tree leads out of it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::error::Problem;
use super::meta::{Kind, Meta};
use super::relative::Relative;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The entry `top` of a node's directory, with all that is in it.
#[derive(Debug)]
pub(super) struct Tree {
    node: Arc<OwnedFd>,
    node_path: PathBuf,
    top: OsString,
    /// The folder that was used last. A walk stays in one folder for long.
    last: Mutex<Option<(Relative, Arc<OwnedFd>)>>,
}

impl Tree {
    pub(super) fn new(node: Arc<OwnedFd>, node_path: &Path, top: OsString) -> Self {
        Self {
            node,
            node_path: node_path.to_owned(),
            top,
            last: Mutex::new(None),
        }
    }

    /// The entry in the node's directory.
    pub(super) fn name(&self) -> &OsStr {
        &self.top
    }

    /// For messages only: it is never opened.
    pub(super) fn path(&self, at: &Relative) -> PathBuf {
        let mut path = self.node_path.join(&self.top);
        path.extend(at.components().map(OsStr::from_bytes));
        path
    }

    /// The folder at `at`, open for reading.
    pub(super) fn folder(&self, at: &Relative) -> Result<Arc<OwnedFd>, Problem> {
        if let Some((last, folder)) = &*self.last()
            && last == at
        {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(self.open_folder(at)?);
        *self.last() = Some((at.clone(), Arc::clone(&folder)));
        Ok(folder)
    }

    /// A folder was removed: what is made under its name is another one.
    pub(super) fn forget(&self) {
        *self.last() = None;
    }

    fn last(&self) -> MutexGuard<'_, Option<(Relative, Arc<OwnedFd>)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_folder(&self, at: &Relative) -> Result<OwnedFd, Problem> {
        let open = |folder: &OwnedFd, name: &OsStr| {
            rustix::fs::openat(folder, name, FOLDER, Mode::empty())
                .map_err(Problem::io("open the folder", || self.path(at)))
        };
        // One step from the folder that was used last, when that one holds it.
        if let Some((parent, name)) = at.split()
            && let Some((last, folder)) = &*self.last()
            && *last == parent
        {
            return open(folder, name);
        }
        let mut folder = open(&self.node, &self.top)?;
        for name in at.components() {
            folder = open(&folder, OsStr::from_bytes(name))?;
        }
        Ok(folder)
    }

    /// The open folder that holds the entry at `at`, and the entry's name in it.
    pub(super) fn holder(&self, at: &Relative) -> Result<(Arc<OwnedFd>, OsString), Problem> {
        match at.split() {
            None => Ok((Arc::clone(&self.node), self.top.clone())),
            Some((parent, name)) => Ok((self.folder(&parent)?, name.to_owned())),
        }
    }

    /// The entry at `at`; `None` when there is none.
    pub(super) fn meta(&self, at: &Relative) -> Result<Option<Meta>, Problem> {
        let (folder, name) = self.holder(at)?;
        match rustix::fs::statat(&*folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Meta::from(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Problem::io("look at", || self.path(at))(error)),
        }
    }

    /// Whether there is anything at the top.
    pub(super) fn exists(&self) -> Result<bool, Problem> {
        Ok(self.meta(&Relative::top())?.is_some())
    }

    /// The names in the folder at `at`, sorted byte by byte.
    pub(super) fn names(&self, at: &Relative) -> Result<Vec<OsString>, Problem> {
        let folder = self.folder(at)?;
        list(&folder).map_err(Problem::io("list the folder", || self.path(at)))
    }

    /// Where the symlink at `at` points to.
    pub(super) fn link_target(&self, at: &Relative) -> Result<OsString, Problem> {
        let (folder, name) = self.holder(at)?;
        let target = rustix::fs::readlinkat(&*folder, &name, Vec::new())
            .map_err(Problem::io("read the link", || self.path(at)))?;
        Ok(OsStr::from_bytes(target.as_bytes()).to_owned())
    }

    /// Opens the regular file at `at`. Without waiting: it may have become a pipe.
    pub(super) fn open_file(&self, at: &Relative, access: OFlags) -> Result<(File, Meta), Problem> {
        let (folder, name) = self.holder(at)?;
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&*folder, &name, flags, Mode::empty())
            .map_err(Problem::io("open the file", || self.path(at)))?
            .into();
        let stat = rustix::fs::fstat(&file).map_err(Problem::io("look at", || self.path(at)))?;
        let meta = Meta::from(&stat);
        if meta.kind == Kind::File {
            Ok((file, meta))
        } else {
            let path = self.path(at);
            Err(Problem::NotNow(format!("{path:?} was replaced meanwhile")))
        }
    }
}

/// The names in `folder`, sorted byte by byte, without `.` and `..`.
pub(super) fn list(folder: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    Ok(names)
}
