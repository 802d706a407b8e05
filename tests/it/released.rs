//! A database of each released format is kept, and opened: what one version wrote, every later one
//! reads, upgrades and goes on with.
//!
//! `SHARDFERRY_BLESS=1 cargo test --test it released` writes the one of the newest format, if it is
//! missing. A file of a released format is never written again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use shardferry::schema::FORMAT;
use shardferry::schema::key::RowKey;
use shardferry::schema::table::{self, TableId};
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{FailureClass, Pause, PauseScope, Quarantined, SetAsideRow};
use shardferry::{MigrationTracker, Settings, Shard, ShardId, TimestampMs};

use crate::support::{
    A, B, C, Place, Planter, blake3, clean, cluster, range, request, shard, side, worker,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The kept database, and what it holds in words.
fn kept(format: u32) -> (PathBuf, PathBuf) {
    let file = |end: &str| folder().join(format!("format-{format}.{end}"));
    (file("redb"), file("txt"))
}

/// A file in which every table has rows.
fn build() -> Place {
    let place = Place::new();
    let tracker = cluster(&place, 3, 8);
    tracker
        .register_shard(Shard {
            range: Some(range("a", Some("m"))),
            replicas: vec![C],
            ..shard(9, A)
        })
        .unwrap();
    let settings = Settings {
        retention_count_max: Some(3),
        ..Settings::default()
    };
    tracker.set_settings(&settings).unwrap();
    let pruned = tracker.begin_migration(ShardId(8), A, B).unwrap();
    tracker
        .cancel_migration(pruned, "the first to end")
        .unwrap();
    let begin = |id: u64| {
        let request = request(ShardId(id), A, B, &format!("request-{id}"));
        tracker.begin(&request).unwrap()
    };
    let ids: Vec<_> = (1..=6).map(begin).collect();
    let claim = |at: usize| tracker.claim(ids[at], &worker()).unwrap();
    claim(1)
        .report(40, Some(100), Some(Checkpoint::new(*b"at 40").unwrap()))
        .unwrap();
    let verifying = claim(2);
    verifying.report(64, Some(64), None).unwrap();
    verifying.begin_verification().unwrap();
    verifying
        .submit_evidence(blake3(), side(64), side(64))
        .unwrap();
    let complete = claim(3);
    complete.report(8, Some(8), None).unwrap();
    complete.complete().unwrap();
    claim(4)
        .fail_attempt(FailureClass::Permanent, "the disk is gone", false)
        .unwrap();
    tracker.cancel_migration(ids[5], "no longer").unwrap();
    clean(&tracker);
    drop(tracker);
    let planter = Planter::open(&place.path());
    let (at_ms, reason) = (TimestampMs(1), || "kept by hand".into());
    let pause = Pause {
        at_ms,
        reason: reason(),
    };
    planter.put(table::PAUSES, &PauseScope::Node(C), &pause);
    let quarantined = Quarantined {
        at_ms,
        migration: ids[4],
        failures: Vec::new(),
    };
    planter.put(table::QUARANTINE, &ShardId(7), &quarantined);
    let row = RowKey {
        table: TableId::Pauses.tag(),
        key: vec![9],
    };
    let set_aside = SetAsideRow {
        value: b"not a row".to_vec(),
        value_bytes: 9,
        reason: reason(),
        at_ms,
    };
    planter.put(table::SET_ASIDE, &row, &set_aside);
    drop(planter);
    // Closing it properly cuts off what the file does not need.
    drop(place.open());
    place
}

/// What a database holds, in words that hold for every format.
fn in_words(tracker: &MigrationTracker) -> String {
    let image = clean(tracker);
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
            let place = build();
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

        for migration in tracker.unfinished().unwrap() {
            let claim = tracker.claim(migration.id, &worker()).unwrap();
            claim.report(100, Some(100), None).unwrap();
            claim.complete().unwrap();
        }
        tracker.begin_migration(ShardId(8), A, B).unwrap();
        clean(&tracker);
    }
}
