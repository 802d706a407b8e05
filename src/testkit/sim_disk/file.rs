use std::io;
use std::sync::Arc;

use super::SimDisk;
use super::record::{Change, FileNumber};
use crate::store::StorageBackend;

/// An open file. While there is one, the file is not opened again.
#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    file: FileNumber,
}

impl SimFile {
    pub(super) fn new(disk: SimDisk, file: FileNumber) -> Self {
        disk.state().open.insert(file);
        Self { disk, file }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.state().open.remove(&self.file);
    }
}

impl StorageBackend for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().live.file(self.file).len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.state().live.file(self.file).read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let file = self.file;
        self.disk.state().make(Change::SetLen { file, len });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.state().sync_file(self.file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (file, data) = (self.file, Arc::from(data));
        self.disk.state().make(Change::Write { file, offset, data });
        Ok(())
    }
}
