//! The copy of a tree.

use rustix::fs::Mode;
use rustix::io::Errno;

use super::Tuning;
use super::attributes::{apply, apply_to_link};
use super::batch::Batch;
use super::copy_file::create_file;
use super::cursor::Cursor;
use super::error::Problem;
use super::examine::{gone, special};
use super::meta::{Kind, Meta, Mtime};
use super::meter::Meter;
use super::node::Node;
use super::relative::Relative;
use super::remove::{remove, remove_entry, unlock};
use super::tree::Tree;
use super::walk::{Step, Visit, Walk};

/// One copy of `source` to `target`.
pub(super) struct Copier<'a> {
    pub(super) source: &'a Tree,
    pub(super) target: &'a Tree,
    pub(super) meter: Meter<'a>,
    pub(super) batch: Batch,
    pub(super) tuning: Tuning,
    pub(super) buffer: Vec<u8>,
    pub(super) files_done: u64,
    /// Where the copy goes on. `None`: from the beginning.
    pub(super) resume: Option<Cursor>,
    node: &'a Node,
    /// An interrupted file was saved as the last checkpoint.
    pub(super) saved_last: bool,
    /// The top was created: its name has to last before a checkpoint counts on it.
    top_created: bool,
}

impl<'a> Copier<'a> {
    pub(super) fn new(
        source: &'a Tree,
        target: &'a Tree,
        meter: Meter<'a>,
        resume: Option<Cursor>,
        node: &'a Node,
        tuning: Tuning,
    ) -> Self {
        Self {
            source,
            target,
            meter,
            batch: Batch::new(tuning, node.syncs_together()),
            tuning,
            buffer: vec![0; tuning.chunk_bytes],
            files_done: 0,
            resume,
            node,
            saved_last: false,
            top_created: false,
        }
    }

    /// Copies all of it. At the end every file and folder is synced, and the node's directory.
    pub(super) fn run(mut self) -> Result<(), Problem> {
        if self.resume.is_none() {
            // What an attempt without a checkpoint left: nothing of it is known to be safe.
            remove(self.target)?;
        }
        let mut last = None;
        let copied = self.walk(&mut last);
        // Asked to stop, it leaves a last checkpoint; when that cannot be had, an earlier one serves.
        if let Err(Problem::Interrupted(_)) = copied
            && !self.saved_last
            && let Err(error) = self.save(last.as_ref())
        {
            tracing::debug!(%error, "the last checkpoint of an interrupted copy");
        }
        copied
    }

    /// Visits everything; `last` is what was done last.
    fn walk(&mut self, last: &mut Option<Cursor>) -> Result<(), Problem> {
        self.meter.add(0)?;
        let mut walk = Walk::new(self.source);
        while let Some(visit) = walk.next()? {
            self.copy(&visit, &walk)?;
            if visit.step != Step::Leave {
                *last = Some(self.cursor(&visit));
            }
            if self.batch.is_full() {
                self.save(last.as_ref())?;
            }
        }
        if last.is_none() {
            return Err(gone(self.source));
        }
        self.save(last.as_ref())
    }

    /// Syncs what was done and says so.
    fn save(&mut self, last: Option<&Cursor>) -> Result<(), Problem> {
        self.sync()?;
        match last {
            Some(cursor) => self.meter.checkpoint(cursor),
            None => Ok(()),
        }
    }

    /// `visit` is done.
    fn cursor(&self, visit: &Visit) -> Cursor {
        Cursor {
            path: visit.path.clone(),
            offset: visit.meta.bytes(),
            mtime: visit.meta.mtime,
            files_done: self.files_done,
        }
    }

    fn copy(&mut self, visit: &Visit, walk: &Walk<'_>) -> Result<(), Problem> {
        let path = &visit.path;
        match (visit.step, visit.meta.kind) {
            (Step::Enter, _) => self.enter(path, walk),
            (Step::Leave, _) => self.leave(path, &visit.meta),
            (Step::Leaf, Kind::File) => self.file(path, &visit.meta),
            (Step::Leaf, Kind::Link) => self.link(path, &visit.meta),
            (Step::Leaf, Kind::Folder | Kind::Other) => Err(special(self.source, path)),
        }
    }

    /// Makes the folder, with access for us alone until it is complete.
    fn enter(&mut self, path: &Relative, walk: &Walk<'_>) -> Result<(), Problem> {
        match self.target.meta(path)? {
            Some(meta) if meta.kind == Kind::Folder => {
                unlock(self.target, path, &meta)?;
                return self.prune(path, walk);
            }
            Some(_) => remove_entry(self.target, path)?,
            None => {}
        }
        let (folder, name) = self.target.holder(path)?;
        rustix::fs::mkdirat(&*folder, &name, Mode::RWXU)
            .map_err(Problem::io("make the folder", || self.target.path(path)))?;
        self.created(path);
        Ok(())
    }

    /// All that is in the folder is there: nothing changes its time any more.
    fn leave(&mut self, path: &Relative, source: &Meta) -> Result<(), Problem> {
        let folder = self.target.folder(path)?;
        apply(&*folder, source, self.target, path)?;
        self.batch.add_folder(path.clone());
        Ok(())
    }

    fn file(&mut self, path: &Relative, seen: &Meta) -> Result<(), Problem> {
        if self.is_safe(path, seen)? {
            self.meter.add(seen.len)?;
        } else {
            self.copy_file(path)?;
        }
        self.files_done = self.files_done.saturating_add(1);
        Ok(())
    }

    fn link(&mut self, path: &Relative, source: &Meta) -> Result<(), Problem> {
        let points_to = self.source.link_target(path)?;
        remove_entry(self.target, path)?;
        let (folder, name) = self.target.holder(path)?;
        rustix::fs::symlinkat(&points_to, &*folder, &name)
            .map_err(Problem::io("make the link", || self.target.path(path)))?;
        apply_to_link(source, self.target, path)?;
        self.created(path);
        Ok(())
    }

    /// Removes what is at `path` and makes an empty file, which only we may open.
    pub(super) fn new_file(&mut self, path: &Relative) -> Result<std::fs::File, Problem> {
        let file = match create_file(self.target, path)? {
            Err(Errno::EXIST) => {
                remove_entry(self.target, path)?;
                create_file(self.target, path)?
            }
            other => other,
        };
        self.created(path);
        file.map_err(Problem::io("create the file", || self.target.path(path)))
    }

    /// An entry was created: the folder that holds it has to be synced.
    fn created(&mut self, path: &Relative) {
        match path.split() {
            Some((folder, _)) => self.batch.add_folder(folder),
            None => self.top_created = true,
        }
    }

    /// Makes all that was written last.
    fn sync(&mut self) -> Result<(), Problem> {
        self.batch.sync(self.target, self.node)?;
        if self.top_created {
            self.node.sync()?;
            self.top_created = false;
        }
        Ok(())
    }

    /// Everything up to `offset` of the file at `path` is written: syncs it and says so.
    pub(super) fn checkpoint_in_file(
        &mut self,
        path: &Relative,
        mtime: Mtime,
        offset: u64,
        file: &std::fs::File,
    ) -> Result<(), Problem> {
        let cannot = "sync the file";
        // A hole at the end has to count, or the file looks shorter than the checkpoint. Never
        // shorter than it is: an attempt that was overtaken while it stood still has a later one's
        // file in hand, which may serve by now.
        file.metadata()
            .and_then(|meta| {
                if meta.len() < offset {
                    file.set_len(offset)?;
                }
                file.sync_data()
            })
            .map_err(Problem::io(cannot, || self.target.path(path)))?;
        self.sync()?;
        self.meter.checkpoint(&Cursor {
            path: path.clone(),
            offset,
            mtime,
            files_done: self.files_done,
        })
    }
}
