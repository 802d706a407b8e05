//! The power fails while a file is upgraded: it has the old format or the newest, whole.

use shardferry::schema::key::MetaKey;
use shardferry::store::{OpenError, OpenOptions};
use shardferry::testkit::{LaterVersion, Sampling, SimDisk};
use shardferry::tracker::check::Image;
use shardferry::{Settings, ShardId};

use super::explore::{Found, Judge, Meaning, Moment, Plan, explore};
use super::history::chain;
use super::{DURABILITIES, nested_every};
use crate::support::{A, B, clean};

const OLD: usize = 0;
const NEW: usize = 1;

struct Upgrade {
    options: OpenOptions,
    old: Image,
    new: Image,
    /// How many changes the disk had been asked for when the upgrade was answered.
    acknowledged: usize,
}

impl Upgrade {
    /// A closed file of the first format, and the record of its upgrade to the third.
    fn recorded(options: OpenOptions) -> (SimDisk, Self) {
        let disk = SimDisk::new();
        let tracker = disk.create(&options, &Settings::default()).unwrap();
        for id in 1..=40 {
            let id = tracker.begin_migration(ShardId(id), A, B).unwrap();
            tracker.start_migration(id).unwrap();
        }
        let old = clean(&tracker);
        drop(tracker);
        let disk = SimDisk::with_file(&disk.bytes().unwrap());
        let mut new = old.clone();
        new.meta.get_mut(&MetaKey::File).unwrap().format = 3;
        let tracker = LaterVersion::of_format_3().open_on(&disk, &options);
        assert_eq!(clean(&tracker.unwrap()), new);
        let acknowledged = disk.changes();
        let upgrade = Self {
            options,
            old,
            new,
            acknowledged,
        };
        (disk, upgrade)
    }

    /// Which format a file has, as the library of the first one sees it.
    fn format(&self, disk: &SimDisk) -> Result<usize, String> {
        let copy = disk.copy();
        match copy.open(&self.options) {
            Ok(tracker) if tracker.image().is_ok_and(|image| image == self.old) => Ok(OLD),
            Ok(_) => Err("the old format, and not the old rows".to_owned()),
            Err(OpenError::NewerFormat { found: 3, .. }) if copy.changes() == 0 => Ok(NEW),
            Err(error) => Err(format!("not opened: {}", chain(&error))),
        }
    }
}

impl Judge for Upgrade {
    fn look(&self, _: &Moment, disk: &SimDisk) -> Result<Found, String> {
        let state = self.format(disk)?;
        let later = LaterVersion::of_format_3();
        for _ in 0..2 {
            let opened = later.open_on(disk, &self.options);
            let tracker = opened.map_err(|error| format!("not upgraded: {}", chain(&error)))?;
            if tracker.image().map_err(|error| chain(&error))? != self.new {
                return Err("the upgrade did not go on to its end".to_owned());
            }
        }
        Ok(Found {
            state,
            // What was new once stays new; what was old may be upgraded by now.
            opened: if state == NEW { 0 } else { usize::MAX },
            repaired: disk.changes() > 0,
        })
    }

    fn meaning(&self, moment: &Moment, state: usize) -> Result<Meaning, String> {
        let over = moment.position >= self.acknowledged || moment.shown == Some(NEW);
        match (state, over) {
            (NEW, true) => Ok(Meaning::Acknowledged),
            (NEW, false) => Ok(Meaning::Applied),
            (_, false) => Ok(Meaning::Absent),
            (_, true) => Err("the upgrade was answered, and is gone".to_owned()),
        }
    }

    fn finish(&self, disk: &SimDisk) -> Result<(), String> {
        let tracker = LaterVersion::of_format_3().open_on(disk, &self.options);
        let tracker = tracker.map_err(|error| chain(&error))?;
        for migration in tracker.unfinished().map_err(|error| chain(&error))? {
            let completed = tracker.complete_migration(migration.id);
            completed.map_err(|error| chain(&error))?;
        }
        clean(&tracker);
        Ok(())
    }
}

#[test]
fn an_upgrade_is_there_whole_or_not_at_all() {
    for durability in DURABILITIES {
        let (disk, upgrade) = Upgrade::recorded(OpenOptions {
            durability,
            wal_bytes: 64 * 1024,
            ..OpenOptions::default()
        });
        let sampling = Sampling {
            exhaustive_max: 3,
            samples: 8,
            seed: 1,
        };
        let plan = Plan {
            sampling,
            nested_every: nested_every(durability, 100),
            nested: Sampling {
                exhaustive_max: 1,
                samples: 1,
                seed: 2,
            },
            finish_every: 50,
        };
        let totals = explore(&disk, &plan, &upgrade).unwrap();
        eprintln!("{durability:?}: {totals}");
        assert!(totals.of(Meaning::Applied) > 0 && totals.of(Meaning::Absent) > 0);
        assert!(totals.nested > 0 && totals.finished > 0);
    }
}
