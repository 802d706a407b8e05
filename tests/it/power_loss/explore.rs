//! Every point of a record, images of each, and what a judge says of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use shardferry::testkit::{CrashImage, CrashPoint, Random, Sampling, SimDisk};

/// When the power failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// After so many changes of the record.
    pub(crate) position: usize,
    /// The state that an open had shown before the power failed again.
    pub(crate) shown: Option<usize>,
}

/// What a judge found on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Which of the states that the judge knows.
    pub(crate) state: usize,
    /// How many changes the disk was asked for until the file was open.
    pub(crate) opened: usize,
    /// Whether there was something to repair.
    pub(crate) repaired: bool,
}

/// What an image means to those who were told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Meaning {
    /// Everything that was acknowledged, and nothing was under way.
    Acknowledged,
    /// What was under way is there, whole.
    Applied,
    /// What was under way is not there.
    Absent,
    /// Progress is gone that was not promised to be on the disk yet.
    ProgressLost,
}

/// Knows what is right.
pub(crate) trait Judge: Sync {
    /// Opens what is on `disk`, goes through everything that must hold whenever the power failed, and
    /// says which state it is. It is asked once for the same bytes.
    fn look(&self, moment: &Moment, disk: &SimDisk) -> Result<Found, String>;

    /// Whether that state is right at `moment`.
    fn meaning(&self, moment: &Moment, state: usize) -> Result<Meaning, String>;

    /// Does what is left to do, on a disk that was opened before.
    fn finish(&self, disk: &SimDisk) -> Result<(), String>;
}

/// How much is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) sampling: Sampling,
    /// In one of so many images the power fails again, at every point of its recovery.
    pub(crate) nested_every: u64,
    pub(crate) nested: Sampling,
    /// In one of so many images the work is finished.
    pub(crate) finish_every: u64,
}

/// What was looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) points: u64,
    pub(crate) images: u64,
    pub(crate) nested: u64,
    pub(crate) distinct: u64,
    pub(crate) repaired: u64,
    pub(crate) torn_headers: u64,
    pub(crate) finished: u64,
    pub(crate) meanings: HashMap<Meaning, u64>,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.points += other.points;
        self.images += other.images;
        self.nested += other.nested;
        self.distinct += other.distinct;
        self.repaired += other.repaired;
        self.torn_headers += other.torn_headers;
        self.finished += other.finished;
        for (meaning, count) in &other.meanings {
            *self.meanings.entry(*meaning).or_default() += count;
        }
    }

    pub(crate) fn of(&self, meaning: Meaning) -> u64 {
        self.meanings.get(&meaning).copied().unwrap_or_default()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} images ({} of them nested, {} distinct) at {} crash points; {} repaired, {} with a \
             torn header, {} finished; the operation under way was there in {} and not in {}, \
             progress was lost in {}",
            self.images,
            self.nested,
            self.distinct,
            self.points,
            self.repaired,
            self.torn_headers,
            self.finished,
            self.of(Meaning::Applied),
            self.of(Meaning::Absent),
            self.of(Meaning::ProgressLost),
        )
    }
}

/// Looks at images of every crash point of `disk`, on two threads. The first that is wrong ends it.
pub(crate) fn explore(disk: &SimDisk, plan: &Plan, judge: &dyn Judge) -> Result<Totals, String> {
    let points: Vec<CrashPoint> = disk.crash_points().collect();
    let work = Work {
        points: &points,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        known: Mutex::default(),
        plan,
        judge,
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| work.run())).collect();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut totals = Totals::default();
    for outcome in outcomes {
        totals.add(&outcome?);
    }
    Ok(totals)
}

struct Work<'a> {
    points: &'a [CrashPoint],
    next: AtomicUsize,
    stopped: AtomicBool,
    /// What was found on disks with these bytes.
    known: Mutex<HashMap<[u8; 32], Found>>,
    plan: &'a Plan,
    judge: &'a dyn Judge,
}

impl Work<'_> {
    fn run(&self) -> Result<Totals, String> {
        let mut totals = Totals::default();
        while !self.stopped.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(point) = self.points.get(at) else {
                break;
            };
            totals.points += 1;
            let worked = self.point(point, &mut totals);
            if worked.is_err() {
                self.stopped.store(true, Ordering::Relaxed);
            }
            worked?;
        }
        Ok(totals)
    }

    fn point(&self, point: &CrashPoint, totals: &mut Totals) -> Result<(), String> {
        let seed = self.plan.sampling.seed ^ 0xA5A5;
        let mut random = Random::of_part(seed, point.position() as u64);
        let moment = Moment {
            position: point.position(),
            shown: None,
        };
        for image in point.images(&self.plan.sampling) {
            let again = random.chance(1, self.plan.nested_every);
            let finish = random.chance(1, self.plan.finish_every);
            let found = self.image(&moment, &image, again || finish, totals)?;
            if again {
                self.nested(&moment, &image, &found, totals)
                    .map_err(|error| format!("{image}, then {error}"))?;
            }
            if finish {
                totals.finished += 1;
                self.judge
                    .finish(image.disk())
                    .map_err(|error| format!("{image}: {error}"))?;
            }
        }
        Ok(())
    }

    /// The power fails again while what it left is opened and closed.
    fn nested(
        &self,
        moment: &Moment,
        image: &CrashImage,
        found: &Found,
        totals: &mut Totals,
    ) -> Result<(), String> {
        for point in image.disk().crash_points() {
            let shown = (point.position() >= found.opened).then_some(found.state);
            let moment = Moment { shown, ..*moment };
            for image in point.images(&self.plan.nested) {
                totals.nested += 1;
                self.image(&moment, &image, false, totals)?;
            }
        }
        Ok(())
    }

    fn image(
        &self,
        moment: &Moment,
        image: &CrashImage,
        look_again: bool,
        totals: &mut Totals,
    ) -> Result<Found, String> {
        let wrong = |error| format!("{image}: {error}");
        totals.images += 1;
        totals.torn_headers += u64::from(image.is_header_torn());
        let digest = image.disk().digest();
        let known = self.known().get(&digest).copied();
        let found = match known.filter(|_| !look_again) {
            Some(found) => found,
            None => self.judge.look(moment, image.disk()).map_err(wrong)?,
        };
        if self.known().insert(digest, found).is_none() {
            totals.distinct += 1;
        }
        totals.repaired += u64::from(found.repaired);
        let meaning = self.judge.meaning(moment, found.state).map_err(wrong)?;
        *totals.meanings.entry(meaning).or_default() += 1;
        Ok(found)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Found>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
