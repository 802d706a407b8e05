//! A database of each released format is kept, and opened: what one version wrote, every later one
//! reads, upgrades and goes on with.
//!
//! `SHARDFERRY_BLESS=1 cargo test --test it released` writes the one of the newest format, if it is
//! missing. A file of a released format is never written again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use shardferry::schema::FORMAT;
use shardferry::{MigrationTracker, NodeId, ShardId};

use crate::rich::rich;
use crate::support::{Place, node, shard, sound};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The kept database, and what it holds in words.
fn kept(format: u32) -> (PathBuf, PathBuf) {
    let file = |end: &str| folder().join(format!("format-{format}.{end}"));
    (file("redb"), file("txt"))
}

/// What a database holds, in words that hold for every format.
fn in_words(tracker: &MigrationTracker) -> String {
    let image = sound(tracker);
    let mut words = String::new();
    for table in tracker.check().unwrap().tables {
        writeln!(words, "{}: {} rows", table.table, table.rows).unwrap();
    }
    for migration in image.migrations.values() {
        let (shard, from, to) = (migration.shard, migration.from, migration.to);
        let (status, progress) = (migration.status(), &migration.progress);
        writeln!(
            words,
            "shard {shard} from {from} to {to}: {status:?}, {} bytes, epoch {}",
            progress.bytes_migrated, migration.epoch
        )
        .unwrap();
    }
    words
}

#[test]
fn a_database_of_each_released_format_is_read_and_gone_on_with() {
    for format in 1..=FORMAT {
        let (file, words) = kept(format);
        if !file.exists() && std::env::var_os("SHARDFERRY_BLESS").is_some() {
            let place = Place::new();
            drop(rich(&place));
            fs::create_dir_all(folder()).unwrap();
            fs::copy(place.path(), &file).unwrap();
            fs::write(&words, in_words(&place.open())).unwrap();
        }
        let place = Place::new();
        fs::copy(&file, place.path()).unwrap();
        let tracker = place.open();
        let said = in_words(&tracker);
        assert!(!said.contains(": 0 rows"), "a table is empty: {said}");
        assert_eq!(said, fs::read_to_string(&words).unwrap());

        for id in [801, 802] {
            tracker.register_node(node(id)).unwrap();
        }
        tracker.register_shard(shard(800, NodeId(801))).unwrap();
        let begun = tracker.begin_migration(ShardId(800), NodeId(801), NodeId(802));
        let id = begun.unwrap();
        tracker.start_migration(id).unwrap();
        tracker.complete_migration(id).unwrap();
        sound(&tracker);
    }
}
