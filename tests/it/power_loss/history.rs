//! What was asked of a tracker, when it was answered, and what the file has to say at each moment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shardferry::store::{Durability, OpenError, OpenOptions};
use shardferry::testkit::{Fate, SimDisk};
use shardferry::tracker::check::{Image, invariants_of};
use shardferry::{MigrationTracker, Settings};

use super::explore::{Found, Judge, Meaning, Moment};
use super::finish::finish;

/// What an answer promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Everything until now is on the disk.
    Flushed,
    /// If it changed something, that and everything before is on the disk.
    Durable,
    /// It is there until a crash, and on the disk with the next durable change.
    Lazy,
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// How many changes the disk had been asked for when it was called.
    pub(crate) invoked: usize,
    /// And when it answered.
    pub(crate) acknowledged: usize,
    pub(crate) promise: Promise,
}

/// A record of a tracker's life, with what it said after each operation.
///
/// One operation is a history as well: [`History::on`] a disk, the operation, [`History::note`].
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) disk: SimDisk,
    pub(crate) options: OpenOptions,
    pub(crate) steps: Vec<Step>,
    /// `states[n]`: after `n` operations; `None` before the creation. States that are equal are the
    /// same allocation.
    pub(crate) states: Vec<Option<Arc<Image>>>,
    /// How often each kind of operation changed something.
    pub(crate) effects: BTreeMap<String, u64>,
    /// Most changes that opening a file costs when it was closed properly.
    pub(crate) clean_open: usize,
}

impl History {
    /// A disk on which nothing has happened yet.
    pub(crate) fn on(disk: SimDisk, options: OpenOptions) -> Self {
        Self {
            disk,
            options,
            steps: Vec::new(),
            states: vec![None],
            effects: BTreeMap::new(),
            clean_open: 0,
        }
    }

    /// Notes what an operation that was called at `invoked` has left.
    pub(crate) fn note(
        &mut self,
        name: impl Into<String>,
        promise: Promise,
        invoked: usize,
        tracker: &MigrationTracker,
    ) {
        let (acknowledged, name) = (self.disk.changes(), name.into());
        let image = tracker.image().unwrap();
        let before = self.states.last().and_then(Option::as_ref);
        let same = before.filter(|before| ***before == image).cloned();
        let promise = match promise {
            Promise::Durable if same.is_some() => Promise::Lazy,
            other => other,
        };
        let pruned = before.map_or(0, |before| before.pruned().migrations);
        if image.pruned().migrations > pruned {
            *self.effects.entry("retention".to_owned()).or_default() += 1;
        }
        if same.is_none() {
            *self.effects.entry(name.clone()).or_default() += 1;
        }
        let state = same.unwrap_or_else(|| {
            assert_eq!(invariants_of(&image), []);
            Arc::new(image)
        });
        self.states.push(Some(state));
        self.steps.push(Step {
            name,
            invoked,
            acknowledged,
            promise,
        });
    }

    /// How a file is opened that was closed properly: then it needs no log, and a new one costs more or
    /// less as the file has room.
    fn without_log(&self) -> OpenOptions {
        let mut options = self.options.clone();
        if options.durability == Durability::WriteAhead {
            options.durability = Durability::Standard;
        }
        options
    }

    /// Whether each open of a closed file costs the same. The row that names a log takes pages that a
    /// close frees: the file is cut off by the open after it, by more or by less.
    fn opens_alike(&self) -> bool {
        self.options.durability != Durability::WriteAhead
    }

    /// Learns what it costs to open the file, which is closed now.
    pub(crate) fn measure_clean_open(&mut self) {
        let closed = SimDisk::with_file(&self.disk.bytes().unwrap());
        let opened = closed.open(&self.without_log()).unwrap();
        self.clean_open = self.clean_open.max(closed.changes());
        drop(opened);
    }

    /// The states that are right at `moment`: the first and the last of them, and the number of
    /// operations that had been answered.
    fn allowed(&self, moment: &Moment) -> (usize, usize, usize) {
        let answered = self
            .steps
            .iter()
            .take_while(|step| step.acknowledged <= moment.position)
            .count();
        let promised = self.steps[..answered]
            .iter()
            .rposition(|step| step.promise != Promise::Lazy)
            .map_or(0, |at| at + 1);
        let under_way = self
            .steps
            .get(answered)
            .is_some_and(|step| step.invoked <= moment.position);
        (promised, answered + usize::from(under_way), answered)
    }

    fn same(&self, one: usize, other: usize) -> bool {
        match (&self.states[one], &self.states[other]) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// Where there is no file, one can be created, whatever an earlier creation left.
    fn creates(&self, disk: &SimDisk) -> Result<(), String> {
        let Some(now) = disk.crash_points().last() else {
            return Ok(());
        };
        let copy = now.image(vec![Fate::Kept; now.pending()], false);
        let created = copy.disk().create(&self.options, &Settings::default());
        created.map_err(|error| format!("not created again: {}", chain(&error)))?;
        nothing_else(copy.disk(), false)
    }

    fn describe(&self, state: usize) -> String {
        match state.checked_sub(1).map(|at| &self.steps[at]) {
            None => "before the creation".to_owned(),
            Some(step) => format!("after operation {state}, {}", step.name),
        }
    }

    /// Which state an image is: one that is right, if any is.
    fn find(&self, moment: &Moment, image: Option<&Image>) -> Result<usize, String> {
        let (first, last, _) = self.allowed(moment);
        let near = (first..=last).rev();
        let all = (0..self.states.len()).rev();
        near.chain(all)
            .find(|state| self.states[*state].as_deref() == image)
            .ok_or_else(|| {
                let nearest = self.states[last].as_deref();
                format!(
                    "what is there never was: a part of an operation; expected {} to {}; check: {:?}; {}",
                    self.describe(first),
                    self.describe(last),
                    image.map(invariants_of),
                    differences(nearest, image),
                )
            })
    }
}

/// Left-over files of creations are swept; a file that is open may have its log.
fn nothing_else(disk: &SimDisk, is_open: bool) -> Result<(), String> {
    let names = disk.names();
    let is_log = |name: &PathBuf| is_open && name.extension().is_some_and(|end| end == "wal");
    if names.iter().filter(|name| !is_log(name)).count() == 1 {
        return Ok(());
    }
    Err(format!("more than the file is there: {names:?}"))
}

fn differences(expected: Option<&Image>, found: Option<&Image>) -> String {
    use shardferry::tracker::check::invariant_i11_reopening_changes_nothing as differences;
    let (Some(expected), Some(found)) = (expected, found) else {
        return String::new();
    };
    let differences = differences(expected, found);
    let shown = differences.iter().take(4).map(ToString::to_string);
    shown.collect::<Vec<_>>().join("; ")
}

impl Judge for History {
    fn look(&self, moment: &Moment, disk: &SimDisk) -> Result<Found, String> {
        let tracker = match disk.open(&self.options) {
            Ok(tracker) => tracker,
            Err(OpenError::NotFound { .. }) => {
                self.creates(disk)?;
                return Ok(Found {
                    state: self.find(moment, None)?,
                    opened: disk.changes(),
                    repaired: false,
                });
            }
            Err(error) => return Err(format!("not opened: {}", chain(&error))),
        };
        let opened = disk.changes();
        let image = tracker.image().map_err(|error| error.to_string())?;
        let state = self.find(moment, Some(&image))?;
        nothing_else(disk, true)?;
        drop(tracker);
        nothing_else(disk, false)?;
        let closed = disk.changes();
        let again = disk.open(&self.without_log());
        let again = again.map_err(|error| chain(&error))?;
        if self.opens_alike() && disk.changes() - closed > self.clean_open {
            return Err("the second open had something to repair".to_owned());
        }
        let same = again.image().map_err(|error| error.to_string())?;
        if same != image {
            return Err(format!(
                "opening again changed something: {}",
                differences(Some(&image), Some(&same))
            ));
        }
        Ok(Found {
            state,
            opened,
            repaired: opened > self.clean_open,
        })
    }

    fn meaning(&self, moment: &Moment, state: usize) -> Result<Meaning, String> {
        if let Some(shown) = moment.shown {
            if self.same(shown, state) {
                return Ok(Meaning::Acknowledged);
            }
            return Err(format!(
                "an open had shown the state {}, now it is that {}",
                self.describe(shown),
                self.describe(state)
            ));
        }
        let (first, last, answered) = self.allowed(moment);
        let right = (first..=last)
            .rev()
            .find(|right| self.same(*right, state))
            .ok_or_else(|| {
                format!(
                    "the state is that {}; it has to be that {} to {}",
                    self.describe(state),
                    self.describe(first),
                    self.describe(last)
                )
            })?;
        Ok(if right > answered {
            Meaning::Applied
        } else if right < answered {
            Meaning::ProgressLost
        } else if last > answered {
            Meaning::Absent
        } else {
            Meaning::Acknowledged
        })
    }

    fn finish(&self, disk: &SimDisk) -> Result<(), String> {
        finish(disk, &self.options)
    }
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
