//! What a shard holds, as one short text.

use std::fs;
use std::path::Path;

/// The digest of a file, or of all files in a folder with their names.
pub fn digest(path: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    feed(&mut hasher, path, Path::new(""));
    hasher.finalize().to_hex().to_string()
}

fn feed(hasher: &mut blake3::Hasher, path: &Path, name: &Path) {
    hasher.update(name.as_os_str().as_encoded_bytes());
    if path.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        for entry in names {
            feed(hasher, &path.join(&entry), &name.join(&entry));
        }
    } else {
        hasher.update(&fs::read(path).unwrap());
    }
}
