mod auditing;
mod conformance;
mod stale;

mod boundaries;
mod cut;
mod killed;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::shard_file::Change;

/// In memory, where the system has such a folder: what is tested here is what a killed process
/// leaves, and that is the same there.
fn memory() -> Option<PathBuf> {
    Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir())
}

fn folder() -> TempDir {
    match memory() {
        Some(memory) => TempDir::new_in(memory).unwrap(),
        None => TempDir::new().unwrap(),
    }
}

fn put(key: &str, value: &str) -> Change {
    Change {
        key: key.as_bytes().to_vec(),
        value: Some(value.as_bytes().to_vec()),
    }
}
