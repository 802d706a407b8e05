//! What a shard of the demo contains: decided by the seed alone.

use super::options::Size;

/// A shard to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// The shard's position, from 0.
    pub(super) at: u64,
    pub(super) name: String,
    /// The number of its node, from 1.
    pub(super) node: u64,
    pub(super) files: Vec<FileContent>,
}

/// A file of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileContent {
    /// Where it is in the shard's folder; empty when the shard is the file.
    pub(super) path: String,
    pub(super) bytes: u64,
}

/// Every third shard is a folder with so many files.
const FILES: u64 = 6;

/// Every shard of a demo.
pub(super) fn all(size: Size) -> impl Iterator<Item = Content> {
    (0..size.shards).map(move |at| content(size, at))
}

/// Sizes from a quarter of the average to seven quarters; names that say what they are.
fn content(size: Size, at: u64) -> Content {
    let quarter = size.shard_bytes / 4;
    let spread = quarter.saturating_mul(6);
    let bytes = (quarter + number(size, at, "size") % spread.saturating_add(1)).max(1);
    let is_folder = at % 3 == 2;
    let files = if is_folder {
        folder(bytes)
    } else {
        vec![FileContent {
            path: String::new(),
            bytes,
        }]
    };
    let kind = if is_folder { "index" } else { "orders" };
    Content {
        at,
        name: format!("{kind}-{:02}", at + 1),
        node: node(size, at),
        files,
    }
}

/// A log that is empty, and segments of falling size in folders.
fn folder(bytes: u64) -> Vec<FileContent> {
    let mut left = bytes;
    let mut files = vec![FileContent {
        path: "wal.log".to_owned(),
        bytes: 0,
    }];
    for part in 1..FILES {
        let bytes = if part + 1 == FILES { left } else { left / 2 };
        left -= bytes;
        files.push(FileContent {
            path: format!("level-{}/segment-{part}.data", part % 3),
            bytes,
        });
    }
    files
}

/// The skew: the first node has half of the shards, the next a quarter, and so on; the last none.
fn node(size: Size, at: u64) -> u64 {
    let mut first = 0;
    for node in 1..size.nodes - 1 {
        first += (size.shards - first).div_ceil(2);
        if at < first {
            return node;
        }
    }
    size.nodes - 1
}

/// The bytes of a file, as long as one reads.
pub(super) fn bytes(size: Size, at: u64, path: &str) -> blake3::OutputReader {
    blake3::Hasher::new_derive_key("shardferry demo 2026 contents")
        .update(&size.seed.to_le_bytes())
        .update(&at.to_le_bytes())
        .update(path.as_bytes())
        .finalize_xof()
}

fn number(size: Size, at: u64, what: &str) -> u64 {
    let mut bytes = [0; 8];
    self::bytes(size, at, what).fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        nodes: 4,
        shards: 24,
        shard_bytes: 1 << 20,
        seed: 7,
    };

    #[test]
    fn the_cluster_is_skewed_and_its_last_node_is_empty() {
        let on = |node| all(SIZE).filter(|content| content.node == node).count();
        assert_eq!([on(1), on(2), on(3), on(4)], [12, 6, 6, 0]);
        let two = Size { nodes: 2, ..SIZE };
        assert!(all(two).all(|content| content.node == 1));
    }

    #[test]
    fn the_seed_decides_everything() {
        assert!(all(SIZE).eq(all(SIZE)));
        let other = Size { seed: 8, ..SIZE };
        assert!(!all(SIZE).eq(all(other)));
    }

    #[test]
    fn sizes_are_about_what_was_asked_for() {
        for shard_bytes in [1, 2, 5, 1 << 20] {
            let size = Size {
                shard_bytes,
                ..SIZE
            };
            for content in all(size) {
                let bytes: u64 = content.files.iter().map(|file| file.bytes).sum();
                assert!((1..=2 * shard_bytes).contains(&bytes), "{bytes}");
            }
        }
    }
}
