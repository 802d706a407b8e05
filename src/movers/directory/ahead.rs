//! A walk that opens files before it comes to them, so that the disk has more than one to read.

use std::collections::VecDeque;
use std::fs::File;

use rustix::fs::OFlags;

use super::advice;
use super::digest::Reading;
use super::error::Problem;
use super::meta::{Kind, Meta};
use super::tree::Tree;
use super::walk::{Step, Visit, Walk};

/// Files that are open at the same time: a disk answers some 16 requests in the time of one. Of the
/// usual 1024 descriptors of a process, several comparisons at a time have to take no more than a
/// part.
const FILES_MAX: usize = 16;

/// Files up to this length are asked for whole. Of longer ones the kernel sees by itself that they
/// are read in order, or the page cache is passed by.
pub(super) const WHOLE_BYTES_MAX: u64 = 128 * 1024;

/// One entry of the tree; a file is open.
pub(super) struct Entry {
    pub(super) visit: Visit,
    /// And what it was when it was opened.
    pub(super) file: Option<(File, Meta)>,
}

/// Every entry of a tree in the order of the walk, each folder once.
pub(super) struct Ahead<'a> {
    tree: &'a Tree,
    reading: Reading,
    walk: Walk<'a>,
    open: VecDeque<Entry>,
    is_over: bool,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(tree: &'a Tree, reading: Reading) -> Self {
        Self {
            tree,
            reading,
            walk: Walk::new(tree),
            open: VecDeque::new(),
            is_over: false,
        }
    }

    /// The next entry; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Problem> {
        while !self.is_over && self.open.len() < FILES_MAX {
            match self.walk.next()? {
                None => self.is_over = true,
                Some(visit) if visit.step == Step::Leave => {}
                Some(visit) => {
                    let file = self.open(&visit)?;
                    self.open.push_back(Entry { visit, file });
                }
            }
        }
        Ok(self.open.pop_front())
    }

    fn open(&self, visit: &Visit) -> Result<Option<(File, Meta)>, Problem> {
        if visit.meta.kind != Kind::File {
            return Ok(None);
        }
        let (file, meta) = self.tree.open_file(&visit.path, OFlags::RDONLY)?;
        if self.reading == Reading::FromDisk {
            advice::will_not_be_read(&file);
        }
        if meta.len > WHOLE_BYTES_MAX {
            advice::will_be_read_in_order(&file);
        } else if meta.len > 0 {
            advice::will_be_read_soon(&file, meta.len);
        }
        Ok(Some((file, meta)))
    }
}
