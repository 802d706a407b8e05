use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::fault::Switch;
use super::{Call, Trouble, lock};
use crate::store::StorageBackend;

/// What is written and what is synced differ in pieces of this size.
const PAGE_BYTES: usize = 4096;

/// A file: what was written, and what is on the disk.
#[derive(Debug, Default)]
pub(super) struct File {
    content: Mutex<Content>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// The pages in which the two differ.
    dirty: BTreeSet<usize>,
}

impl File {
    pub(super) fn bytes(&self) -> Vec<u8> {
        lock(&self.content).written.clone()
    }

    pub(super) fn copy(&self) -> Self {
        Self {
            content: Mutex::new(lock(&self.content).clone()),
        }
    }
}

impl Content {
    fn write(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if end > self.written.len() {
            self.set_len(end);
        }
        if let Some(target) = self.written.get_mut(offset..end) {
            target.copy_from_slice(data);
        }
        if let Some(last) = end.checked_sub(1) {
            let pages = offset / PAGE_BYTES..=last / PAGE_BYTES;
            self.dirty.extend(pages);
        }
    }

    fn set_len(&mut self, len: usize) {
        let (low, high) = (len.min(self.written.len()), len.max(self.written.len()));
        self.written.resize(len, 0);
        self.dirty
            .extend(low / PAGE_BYTES..high.div_ceil(PAGE_BYTES));
    }

    fn sync(&mut self) {
        self.synced.resize(self.written.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            copy_page(page, &self.written, &mut self.synced);
        }
    }

    /// Takes back what was not synced.
    fn lose(&mut self) {
        self.written.resize(self.synced.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            copy_page(page, &self.synced, &mut self.written);
        }
    }
}

/// Copies a page; of the last one, what there is.
fn copy_page(page: usize, from: &[u8], to: &mut [u8]) {
    let range = page_range(page, from.len().min(to.len()));
    if let (Some(from), Some(to)) = (from.get(range.clone()), to.get_mut(range)) {
        to.copy_from_slice(from);
    }
}

fn page_range(page: usize, len: usize) -> Range<usize> {
    let start = page * PAGE_BYTES;
    start.min(len)..(start + PAGE_BYTES).min(len)
}

/// An open file, whose calls may fail.
#[derive(Debug)]
pub(super) struct Handle {
    file: Arc<File>,
    switch: Arc<Switch>,
}

impl Handle {
    pub(super) fn new(file: Arc<File>, switch: Arc<Switch>) -> Self {
        Self { file, switch }
    }

    fn allowed(&self, call: Call) -> io::Result<()> {
        match self.switch.count(call) {
            Some(trouble) => Err(trouble.error()),
            None => Ok(()),
        }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        let len = lock(&self.file.content).written.len();
        u64::try_from(len).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.allowed(Call::Read)?;
        let content = lock(&self.file.content);
        let offset = to_usize(offset)?;
        let source = content
            .written
            .get(offset..offset.saturating_add(out.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(source);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.allowed(Call::SetLen)?;
        lock(&self.file.content).set_len(to_usize(len)?);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let trouble = self.switch.count(Call::Sync);
        let mut content = lock(&self.file.content);
        match trouble {
            None => {
                content.sync();
                Ok(())
            }
            Some(trouble) => {
                if trouble == Trouble::LostSync {
                    content.lose();
                }
                Err(trouble.error())
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = to_usize(offset)?;
        let trouble = self.switch.count(Call::Write);
        let mut content = lock(&self.file.content);
        match trouble {
            None => {
                content.write(offset, data);
                Ok(())
            }
            Some(trouble) => {
                if trouble == Trouble::ShortWrite {
                    let some = data.get(..data.len() * 3 / 5).unwrap_or_default();
                    content.write(offset, some);
                }
                Err(trouble.error())
            }
        }
    }
}

fn to_usize(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}
