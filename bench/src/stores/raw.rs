use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Store;
use crate::Result;

const PAGE_BYTES: usize = 4096;

/// Pages of the file: written in turn, so that it does not grow.
const PAGES: u64 = 256;

/// Writes of a page, each on the disk before the next: what a durable answer costs at least.
pub(super) struct Raw {
    file: File,
    written: AtomicU64,
}

impl Raw {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let file = File::create(folder.join("raw"))?;
        for at in 0..PAGES {
            file.write_all_at(&[1; PAGE_BYTES], at * PAGE_BYTES as u64)?;
        }
        file.sync_all()?;
        let written = AtomicU64::new(0);
        Ok(Self { file, written })
    }
}

impl Store for Raw {
    fn begin(&self, _: u64, _: u64) -> Result<()> {
        let page = self.written.fetch_add(1, Ordering::Relaxed) % PAGES;
        let bytes = [7; PAGE_BYTES];
        self.file.write_all_at(&bytes, page * PAGE_BYTES as u64)?;
        Ok(self.file.sync_data()?)
    }
}
