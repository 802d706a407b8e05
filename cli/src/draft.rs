//! A file that is being written, under a name of its own until it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The end of the name of a draft.
const SUFFIX: &str = ".exporting";

/// Begins to write what is to become `path`. What a killed process left of the same file is
/// removed; one that is being written holds its lock and is left alone.
pub(crate) fn begin(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path);
    sweep(&folder_of(path), &prefix);
    let draft = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(SUFFIX)
        .tempfile_in(folder_of(path))?;
    // Where a file system knows no locks, nothing is swept either.
    let _ = draft.as_file().try_lock();
    Ok(draft)
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// Failing to sweep is not failing to write: the next time sweeps again.
fn sweep(folder: &Path, prefix: &OsString) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes())
            && name.ends_with(SUFFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            let path = entry.path();
            let _ = File::open(&path)
                .and_then(|file| file.try_lock().map_err(io::Error::from))
                .and_then(|()| fs::remove_file(&path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_of_the_same_file_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let others = [
            ".b.jsonl.x1.exporting",
            "a.jsonl.x1.exporting",
            ".a.jsonl.x",
        ];
        for name in others.iter().chain(&[".a.jsonl.x1.exporting"]) {
            fs::write(folder.path().join(name), "left").unwrap();
        }
        let under_way = begin(&path).unwrap();
        let draft = begin(&path).unwrap();
        assert!(under_way.path().exists() && draft.path().exists());
        assert!(!folder.path().join(".a.jsonl.x1.exporting").exists());
        for name in others {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }
}
