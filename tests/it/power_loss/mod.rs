//! I12 against a loss of power: the real tracker on the real redb, on a disk that loses, tears and
//! reorders what was not synced.
//!
//! A life of a tracker is recorded once. Then, for every point of the record at which the power may
//! fail, images of what may be left are opened: each must be the state after the operations that were
//! answered, or with the one that was under way, whole; progress that was not promised may be missing.
//!
//! `SHARDFERRY_IMAGES` sets how many images, `SHARDFERRY_SEED` the first life. `just crash` runs a
//! million of them.

mod explore;
mod finish;
mod history;
mod operators;
mod upgrade;
mod workload;

use std::collections::BTreeMap;
use std::time::Instant;

use shardferry::store::{Durability, OpenOptions};
use shardferry::testkit::{Call, Fault, FaultyDisk, Lie, Sampling, SimDisk, Trouble};
use shardferry::{MigrationTracker, Settings, ShardId};

use crate::support::{A, B};
use explore::{Meaning, Plan, Totals, explore};
use history::{History, Promise};
use operators::tour;
use workload::{grow, live};

/// Images in every run of the tests.
const IMAGES: u64 = 20_000;
/// Operations in a life, at least.
const STEPS: usize = 60;

/// What the operations of the lives change at least once.
const EFFECTS: [&str; 13] = [
    "create",
    "begin",
    "begin_plan",
    "claim",
    "claim next",
    "report",
    "begin verification",
    "evidence",
    "complete",
    "cancel",
    "settle",
    "retention",
    "a failed commit",
];

/// What operators change in the life that is theirs.
const WISHES: [&str; 15] = [
    "begin of a version",
    "claim next",
    "complete unverified",
    "continue draining",
    "drain",
    "fail attempt",
    "forgive a node",
    "hurry",
    "late report",
    "pause",
    "release from quarantine",
    "resume",
    "retry",
    "reverse",
    "undrain",
];

const DURABILITIES: [Durability; 4] = [
    Durability::Standard,
    Durability::WriteAhead,
    Durability::Careful,
    Durability::FastRestart,
];

/// Of the life with this seed.
fn durability(seed: u64) -> Durability {
    DURABILITIES[(seed % DURABILITIES.len() as u64) as usize]
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// In one of so many images the power fails again. With a log, an open makes a new one, and has many more
/// points than without.
fn nested_every(durability: Durability, usual: u64) -> u64 {
    match durability {
        Durability::WriteAhead => usual * 6,
        Durability::Standard | Durability::Careful | Durability::FastRestart => usual,
    }
}

fn plan(seed: u64, durability: Durability) -> Plan {
    Plan {
        sampling: Sampling {
            exhaustive_max: 3,
            samples: 2,
            seed,
        },
        nested_every: nested_every(durability, 400),
        nested: Sampling {
            exhaustive_max: 1,
            samples: 1,
            seed: seed ^ 1,
        },
        finish_every: 50,
    }
}

/// One life, and all that a loss of power may make of it; what its operations changed.
fn outlive(
    disk: SimDisk,
    durability: Durability,
    seed: u64,
) -> Result<(Totals, BTreeMap<String, u64>), String> {
    // Longer ones have larger files; some grow theirs in one go.
    let steps = STEPS + (seed / 3 % 4) as usize * 20;
    let history = live(disk, durability, steps, seed);
    let said = |error| format!("SHARDFERRY_SEED={seed}, {durability:?}: {error}");
    let totals = explore(&history.disk, &plan(seed, durability), &history).map_err(said)?;
    Ok((totals, history.effects))
}

/// Every wish of an operator, each in a state in which it changes something.
#[test]
fn no_loss_of_power_loses_what_an_operator_said() {
    let seed = given("SHARDFERRY_SEED").unwrap_or(1);
    let history = tour(SimDisk::new(), durability(seed));
    for name in WISHES {
        assert!(history.effects.contains_key(name), "no {name}");
    }
    let few = Plan {
        sampling: Sampling {
            exhaustive_max: 2,
            samples: 1,
            seed,
        },
        ..plan(seed, durability(seed))
    };
    let totals = explore(&history.disk, &few, &history).unwrap();
    println!(
        "{} images of {} operations",
        totals.images,
        history.steps.len()
    );
}

#[test]
fn no_loss_of_power_loses_what_was_acknowledged() {
    let images = given("SHARDFERRY_IMAGES").unwrap_or(IMAGES);
    let seed = given("SHARDFERRY_SEED").unwrap_or(1);
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut effects: BTreeMap<String, u64> = BTreeMap::new();
    let mut lives = 0;
    while totals.images < images || lives < DURABILITIES.len() as u64 {
        // From the seed of the life alone, so that the one that is printed replays it.
        match outlive(SimDisk::new(), durability(seed + lives), seed + lives) {
            Ok((more, changed)) => {
                totals.add(&more);
                for (name, count) in changed {
                    *effects.entry(name).or_default() += count;
                }
            }
            Err(error) => panic!("{error}"),
        }
        lives += 1;
    }
    eprintln!(
        "{totals}; {lives} lives from seed {seed}, {} images per second",
        totals.images * 1000 / started.elapsed().as_millis().max(1) as u64
    );
    // What would make all of it prove nothing if it did not happen.
    for meaning in [Meaning::Applied, Meaning::Absent, Meaning::ProgressLost] {
        assert!(totals.of(meaning) > 0, "{meaning:?}");
    }
    for name in EFFECTS {
        // A seed that somebody gives may be that of one life to look at.
        let given = given("SHARDFERRY_SEED").is_some();
        assert!(
            given || effects.contains_key(name),
            "no {name} in {effects:?}"
        );
    }
    assert!(totals.nested * 4 >= totals.images);
    assert!(totals.torn_headers > 0 && totals.repaired > 0 && totals.finished > 0);
}

/// A file that grows: its length and its pages are lost independently of each other. This is where
/// redb before 4.2 left files that nothing could open.
#[test]
#[ignore = "long: just crash"]
fn no_loss_of_power_while_the_file_grows_is_fatal() {
    let seed = given("SHARDFERRY_SEED").unwrap_or(1);
    let history = grow(SimDisk::new(), Durability::Standard, seed);
    let few = Sampling {
        exhaustive_max: 0,
        samples: 3,
        seed,
    };
    let plan = Plan {
        sampling: few,
        nested_every: 500,
        nested: Sampling { samples: 1, ..few },
        finish_every: 1_000,
    };
    match explore(&history.disk, &plan, &history) {
        Ok(totals) => eprintln!("{totals}; {} bytes", history.disk.bytes().unwrap().len()),
        Err(error) => panic!("SHARDFERRY_SEED={seed}: {error}"),
    }
}

/// A frame of the log is lost with its sync. Then redb brings lazy commits to the disk as it closes the
/// file, and the frames before them must not be made again over them: one of two reports would be gone,
/// and the later one there.
#[test]
fn no_loss_of_power_mixes_two_times_after_a_failed_sync() {
    let options = OpenOptions {
        durability: Durability::WriteAhead,
        wal_bytes: 64 * 1024,
        ..OpenOptions::default()
    };
    let settings = Settings {
        progress_lag_ms_max: 1_000_000_000,
        ..Settings::default()
    };
    let (disk, file) = (FaultyDisk::new(), "shards.redb");
    let begin = |tracker: &MigrationTracker, shard| {
        let id = tracker.begin_migration(ShardId(shard), A, B).unwrap();
        tracker.start_migration(id).unwrap();
        id
    };
    let tracker = disk.create(file, &options, &settings).unwrap();
    let in_the_database = begin(&tracker, 1);
    drop(tracker);
    let tracker = disk.open(file, &options).unwrap();
    let in_the_log = begin(&tracker, 2);
    tracker.update_progress(in_the_log, 7, None).unwrap();
    tracker.update_progress(in_the_database, 7, None).unwrap();
    disk.inject(Fault {
        call: Call::Sync,
        nth: 1,
        trouble: Trouble::LostSync,
        forever: false,
    });
    let failed = tracker.begin_migration(ShardId(3), A, B).unwrap_err();
    assert!(failed.to_string().contains("reopen"), "{failed}");
    drop(tracker);
    disk.repair();
    let tracker = disk.open(file, &options).unwrap();
    assert!(tracker.check().unwrap().is_clean());
    let reported = |id| {
        tracker
            .get_migration(id)
            .unwrap()
            .unwrap()
            .progress
            .bytes_migrated
    };
    let reported = (reported(in_the_log), reported(in_the_database));
    assert_ne!(reported, (0, 7), "what is there never was");
}

/// Creation alone, more closely: no file or a good one, and a good one once it was answered.
#[test]
fn a_creation_is_there_whole_or_not_at_all() {
    for durability in DURABILITIES {
        let options = OpenOptions {
            durability,
            wal_bytes: 64 * 1024,
            ..OpenOptions::default()
        };
        let mut history = History::on(SimDisk::new(), options);
        let tracker = history.disk.create(&history.options, &Settings::default());
        let tracker = tracker.unwrap();
        history.note("create", Promise::Durable, 0, &tracker);
        drop(tracker);
        history.measure_clean_open();
        let plan = Plan {
            sampling: Sampling {
                exhaustive_max: 6,
                samples: 12,
                seed: 1,
            },
            nested_every: nested_every(durability, 20),
            ..plan(1, durability)
        };
        let totals = explore(&history.disk, &plan, &history).unwrap();
        eprintln!("{durability:?}: {totals}");
        assert!(totals.of(Meaning::Applied) > 0 && totals.of(Meaning::Absent) > 0);
    }
}

/// The test sees: a disk that breaks its word is caught, each way.
#[test]
fn a_disk_that_lies_is_caught() {
    for (lie, durability) in [
        (Lie::SyncsOfFiles, Durability::Standard),
        (Lie::SyncsOfFiles, Durability::Careful),
        (Lie::SyncsOfFolders, Durability::Standard),
        (Lie::SyncsOfFiles, Durability::WriteAhead),
    ] {
        let caught = outlive(SimDisk::that_lies(lie), durability, 1).unwrap_err();
        eprintln!("{lie:?}: {caught}");
        assert!(caught.contains("SHARDFERRY_SEED=1"), "{caught}");
    }
}
