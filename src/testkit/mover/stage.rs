//! The script of one run: what happens at which boundary.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failure::Fault;
use super::point::{At, Point, Step};
use crate::executor::{Interrupted, Job, Reporter};
use crate::schema::Epoch;

/// How long an attempt that was overtaken may go without hearing of it.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    At(Point),
    /// At the boundary with this number in the run, counted from 1.
    Nth(usize),
}

/// What happens there.
pub(super) enum Act {
    /// The mover stands still until [`Stage::kill`] or [`Stage::thaw`].
    Freeze,
    /// Something else, in the mover's thread.
    Do(Box<Deed>),
}

/// Something that is done in the mover's thread, with the job of the step.
type Deed = dyn Fn(&Job) -> Result<(), Fault> + Send + Sync;

/// Whether the mover may go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    Shut,
    /// It is dead: nothing of it is run any more.
    Dead,
}

#[derive(Default)]
struct State {
    trace: Vec<Point>,
    calls: BTreeMap<Step, u32>,
    reached: Vec<usize>,
    gate: Gate,
    ended: bool,
    reported: Option<(Epoch, u64)>,
    fault: Option<Fault>,
}

/// What is known about a run, and what is to happen in it. Shared by the mover's threads and the
/// case.
pub(super) struct Stage {
    acts: Vec<(When, Act)>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Stage {
    pub(super) fn new(acts: Vec<(When, Act)>) -> Self {
        Self {
            acts,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// A step is called: which call of it this is.
    pub(super) fn call(&self, step: Step) -> u32 {
        let mut state = self.lock();
        let calls = state.calls.entry(step).or_default();
        *calls = calls.saturating_add(1);
        *calls
    }

    /// The mover is at `point`.
    pub(super) fn pass(
        &self,
        point: Point,
        job: &Job,
        reporter: Option<&dyn Reporter>,
    ) -> Result<(), Interrupted> {
        let mut state = self.lock();
        state.trace.push(point);
        let nth = state.trace.len();
        let mut froze = false;
        for (index, (when, act)) in self.acts.iter().enumerate() {
            let now = match *when {
                When::At(at) => at == point,
                When::Nth(at) => at == nth,
            };
            if !now || state.reached.contains(&index) {
                continue;
            }
            state.reached.push(index);
            match act {
                Act::Freeze => {
                    froze = true;
                    state.gate = Gate::Shut;
                    self.changed.notify_all();
                }
                Act::Do(act) => {
                    drop(state);
                    let done = act(job);
                    state = self.lock();
                    self.fault_in(&mut state, done);
                }
            }
        }
        while state.gate == Gate::Shut {
            state = self.wait(state);
        }
        let dead = state.gate == Gate::Dead;
        drop(state);
        if dead {
            return Err(end_of_this_thread());
        }
        if froze && let Some(reporter) = reporter {
            self.wait_until_told(reporter);
        }
        Ok(())
    }

    /// An attempt that was overtaken goes on once the executor knows, so that its next report is
    /// refused.
    fn wait_until_told(&self, reporter: &dyn Reporter) {
        let since = Instant::now();
        while reporter.throttle(0).is_ok() {
            if since.elapsed() > TOLD_WITHIN {
                self.fault(Fault::new(
                    "a stale attempt that is told to stop",
                    "no word of it",
                ));
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Bytes that were reported: they never go back within an attempt.
    pub(super) fn reported(&self, epoch: Epoch, floor: u64, bytes: u64, total: Option<u64>) {
        let mut state = self.lock();
        let last = match state.reported {
            Some((of, last)) if of == epoch => last.max(floor),
            Some(_) | None => floor,
        };
        if bytes < last || total.is_some_and(|total| bytes > total) {
            let found = Fault::new(
                "reports that do not go back, nor pass the total",
                format!("{bytes} of {total:?} bytes after {last}"),
            );
            self.fault_in(&mut state, Err(found));
        }
        state.reported = Some((epoch, bytes.max(last)));
    }

    /// Remembers the first thing that went wrong.
    pub(super) fn fault(&self, fault: Fault) {
        let mut state = self.lock();
        self.fault_in(&mut state, Err(fault));
    }

    fn fault_in(&self, state: &mut State, done: Result<(), Fault>) {
        if let Err(fault) = done
            && state.fault.is_none()
            && state.gate != Gate::Dead
        {
            state.fault = Some(fault);
        }
    }

    /// The run is over.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the mover stands still, or the run is over; whether it stands still.
    pub(super) fn wait_for_freeze(&self) -> bool {
        let mut state = self.lock();
        while state.gate != Gate::Shut && !state.ended {
            state = self.wait(state);
        }
        state.gate == Gate::Shut
    }

    /// Nothing more of the mover is run: its threads unwind, after all that counts was looked at.
    pub(super) fn kill(&self) {
        self.lock().gate = Gate::Dead;
        self.changed.notify_all();
    }

    /// The mover goes on.
    pub(super) fn thaw(&self) {
        self.lock().gate = Gate::Open;
        self.changed.notify_all();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.lock().gate == Gate::Dead
    }

    /// Whether all that was to happen happened.
    pub(super) fn all_reached(&self) -> bool {
        self.lock().reached.len() == self.acts.len()
    }

    /// Where it froze, or is now.
    pub(super) fn last(&self) -> Option<Point> {
        self.lock().trace.last().copied()
    }

    pub(super) fn trace(&self) -> Vec<Point> {
        self.lock().trace.clone()
    }

    /// What went wrong in the mover's own calls.
    pub(super) fn verdict(&self) -> Result<(), Fault> {
        match self.lock().fault.take() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// A boundary of a call of `step`.
    pub(super) fn point(step: Step, call: u32, at: At) -> Point {
        Point { step, call, at }
    }
}

/// Unwinds without a message; a thread that unwinds already is told to stop.
fn end_of_this_thread() -> Interrupted {
    if !std::thread::panicking() {
        resume_unwind(Box::new("killed by the conformance suite"));
    }
    Interrupted
}
