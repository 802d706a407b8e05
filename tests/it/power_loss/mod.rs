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
mod workload;

use std::time::Instant;

use shardferry::store::Durability;
use shardferry::testkit::{Lie, Sampling, SimDisk};

use explore::{Meaning, Plan, Totals, explore};
use workload::live;

/// Images in every run of the tests.
const IMAGES: u64 = 20_000;
/// Operations in a life, at least.
const STEPS: usize = 60;

const DURABILITIES: [Durability; 3] = [
    Durability::Standard,
    Durability::Careful,
    Durability::FastRestart,
];

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn plan(seed: u64) -> Plan {
    Plan {
        sampling: Sampling {
            exhaustive_max: 3,
            samples: 3,
            seed,
        },
        nested_every: 300,
        nested: Sampling {
            exhaustive_max: 0,
            samples: 1,
            seed: seed ^ 1,
        },
        finish_every: 50,
    }
}

/// One life, and all that a loss of power may make of it.
fn outlive(disk: SimDisk, durability: Durability, seed: u64) -> Result<Totals, String> {
    // Longer ones have larger files.
    let steps = STEPS + (seed / 3 % 4) as usize * 20;
    let history = live(disk, durability, steps, seed);
    let said = |error| format!("SHARDFERRY_SEED={seed}, {durability:?}: {error}");
    explore(&history.disk, &plan(seed), &history).map_err(said)
}

#[test]
fn no_loss_of_power_loses_what_was_acknowledged() {
    let images = given("SHARDFERRY_IMAGES").unwrap_or(IMAGES);
    let seed = given("SHARDFERRY_SEED").unwrap_or(1);
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut lives = 0;
    while totals.images < images || lives < DURABILITIES.len() as u64 {
        let durability = DURABILITIES[(lives % 3) as usize];
        match outlive(SimDisk::new(), durability, seed + lives) {
            Ok(more) => totals.add(&more),
            Err(error) => panic!("{error}"),
        }
        lives += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "{totals}; {lives} lives from seed {seed}, {:.0} images per second",
        totals.images as f64 / seconds
    );
    // What would make all of it prove nothing if it did not happen.
    for meaning in [Meaning::Applied, Meaning::Absent, Meaning::ProgressLost] {
        assert!(totals.of(meaning) > 0, "{meaning:?}");
    }
    assert!(totals.nested * 4 >= totals.images);
    assert!(totals.torn_headers > 0 && totals.repaired > 0 && totals.finished > 0);
}

/// The test sees: a disk that breaks its word is caught, each way.
#[test]
fn a_disk_that_lies_is_caught() {
    for (lie, durability) in [
        (Lie::SyncsOfFiles, Durability::Standard),
        (Lie::SyncsOfFiles, Durability::Careful),
        (Lie::SyncsOfFolders, Durability::Standard),
    ] {
        let caught = outlive(SimDisk::that_lies(lie), durability, 1).unwrap_err();
        eprintln!("{lie:?}: {caught}");
    }
}
