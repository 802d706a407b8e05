//! Operations that share a commit.
//!
//! Whoever comes first leads: it takes what waits, runs each operation on its own, commits once, and
//! tells everybody. Meanwhile others wait, and go with the next commit. A leader leads for a bounded
//! number of commits, then hands over to somebody who still waits: nobody works for others for ever.
//! Who is alone waits for nobody.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Commit, Procedure, StoreError, Tx};

/// Operations in one commit, at most: the more, the longer the first of them waits.
const BATCH_MAX: usize = 512;

/// Commits that one leader makes, at most.
const BATCHES_MAX: usize = 4;

/// A commit that takes less time is quick: to fall asleep and be woken takes as long.
const QUICK: Duration = Duration::from_micros(100);

/// How often one who waits for a commit that should be quick looks whether it is there, before it sleeps.
const LOOKS_MAX: usize = 64;

/// What became of running an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It is to be kept, with such a commit.
    Keep(Commit),
    /// It was refused, failed, or panicked: nothing that it wrote is to stay.
    Drop,
}

/// An operation that waits for its commit.
pub(super) trait Waiting: Send {
    /// Runs it on `tx`. What it answers is kept until it is told.
    fn run(&mut self, tx: &mut dyn Tx) -> Ran;

    /// Tells whoever waits: what it answered, which stands, or why nothing of the batch does.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);

    /// Makes whoever waits lead.
    fn lead(&self);
}

/// Those who wait, and whether somebody leads.
#[derive(Default)]
pub(super) struct Group {
    state: Mutex<State>,
    /// The newest commit was quick, as those that do not wait for the disk are.
    is_quick: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn Waiting>>,
    is_led: bool,
}

impl Group {
    /// Runs `procedure` and waits until its commit is there. `commit_all` runs and commits a batch and
    /// tells everybody in it; it is called by whoever leads.
    pub(super) fn write<P>(
        &self,
        procedure: P,
        commit: impl FnOnce(&P::Output) -> Commit + Send + 'static,
        commit_all: impl Fn(Vec<Box<dyn Waiting>>),
    ) -> Result<P::Output, P::Error>
    where
        P: Procedure + Send + 'static,
        P::Output: Send + 'static,
        P::Error: Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let leads = {
            let mut state = self.lock();
            state.queue.push_back(Box::new(Operation {
                procedure,
                commit: Some(commit),
                outcome: None,
                slot: Arc::clone(&slot),
            }));
            !std::mem::replace(&mut state.is_led, true)
        };
        if leads || slot.wait(self.is_quick.load(Ordering::Relaxed)) {
            self.lead(commit_all);
        }
        match slot.take() {
            Some(Told::Answer(answer)) => answer,
            Some(Told::Panic(panic)) => resume_unwind(panic),
            // A leader that panicked told nobody.
            None => Err(StoreError::ReopenNeeded.into()),
        }
    }

    fn lead(&self, commit_all: impl Fn(Vec<Box<dyn Waiting>>)) {
        // Whatever happens, somebody else can lead, and nobody waits for ever.
        let end = HandOver(self);
        for _ in 0..BATCHES_MAX {
            let batch = self.batch();
            if batch.is_empty() {
                break;
            }
            let is_shared = batch.len() > 1;
            let started = Instant::now();
            commit_all(batch);
            let is_quick = started.elapsed() < QUICK;
            self.is_quick.store(is_quick, Ordering::Relaxed);
            if is_quick && is_shared {
                // Those who were told come again at once: the next commit is for all of them.
                thread::yield_now();
            }
        }
        drop(end);
    }

    fn batch(&self) -> Vec<Box<dyn Waiting>> {
        let mut state = self.lock();
        let size = state.queue.len().min(BATCH_MAX);
        state.queue.drain(..size).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a lead.
struct HandOver<'a>(&'a Group);

impl Drop for HandOver<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        match state.queue.front() {
            Some(next) => next.lead(),
            None => state.is_led = false,
        }
    }
}

struct Operation<P: Procedure, C> {
    procedure: P,
    commit: Option<C>,
    outcome: Option<Told<P>>,
    slot: Arc<Slot<P>>,
}

/// What whoever waits is told.
enum Told<P: Procedure> {
    Answer(Result<P::Output, P::Error>),
    /// The operation panicked: that is its caller's to know, and nobody else's.
    Panic(Box<dyn Any + Send>),
}

impl<P, C> Waiting for Operation<P, C>
where
    P: Procedure + Send,
    P::Output: Send,
    P::Error: Send,
    C: FnOnce(&P::Output) -> Commit + Send,
{
    fn run(&mut self, tx: &mut dyn Tx) -> Ran {
        let commit = self.commit.take();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let answer = self.procedure.run(tx);
            let ran = match (&answer, commit) {
                (Ok(output), Some(commit)) => Ran::Keep(commit(output)),
                (Ok(_), None) | (Err(_), _) => Ran::Drop,
            };
            (answer, ran)
        }));
        match ran {
            Ok((answer, ran)) => {
                self.outcome = Some(Told::Answer(answer));
                ran
            }
            Err(panic) => {
                self.outcome = Some(Told::Panic(panic));
                Ran::Drop
            }
        }
    }

    fn tell(mut self: Box<Self>, committed: Result<(), StoreError>) {
        let told = match (self.outcome.take(), committed) {
            (Some(Told::Answer(Ok(_))) | None, Err(error)) => Told::Answer(Err(error.into())),
            // What was refused may have been refused for what did not come to be.
            (Some(Told::Answer(Err(_))), Err(_)) | (None, Ok(())) => {
                Told::Answer(Err(StoreError::ReopenNeeded.into()))
            }
            (Some(told @ Told::Panic(_)), Err(_)) | (Some(told), Ok(())) => told,
        };
        self.slot.put(told);
    }

    fn lead(&self) {
        self.slot.lead();
    }
}

impl<P: Procedure, C> Drop for Operation<P, C> {
    fn drop(&mut self) {
        // One that was told nothing, because its leader panicked, waits no longer.
        self.slot.close();
    }
}

/// Where somebody waits.
struct Slot<P: Procedure> {
    place: Mutex<Place<P>>,
    /// There is something to look at in its place.
    has_changed: AtomicBool,
    changed: Condvar,
}

struct Place<P: Procedure> {
    told: Option<Told<P>>,
    /// Somebody sleeps here.
    sleeps: bool,
    leads: bool,
    is_closed: bool,
}

impl<P: Procedure> Default for Slot<P> {
    fn default() -> Self {
        Self {
            place: Mutex::new(Place {
                told: None,
                sleeps: false,
                leads: false,
                is_closed: false,
            }),
            has_changed: AtomicBool::new(false),
            changed: Condvar::new(),
        }
    }
}

impl<P: Procedure> Slot<P> {
    /// Waits to be told something; whether that is to lead.
    fn wait(&self, soon: bool) -> bool {
        if soon {
            let mut looks = (0..LOOKS_MAX).map(|_| self.has_changed.load(Ordering::Acquire));
            looks.any(|has_changed| {
                if !has_changed {
                    thread::yield_now();
                }
                has_changed
            });
        }
        let mut place = self.lock();
        place.sleeps = true;
        let waits = |place: &mut Place<P>| !place.leads && !place.is_closed;
        let waited = self.changed.wait_while(place, waits);
        let mut place = waited.unwrap_or_else(PoisonError::into_inner);
        place.sleeps = false;
        std::mem::take(&mut place.leads)
    }

    fn put(&self, told: Told<P>) {
        self.lock().told = Some(told);
    }

    fn lead(&self) {
        self.wake(|place| place.leads = true);
    }

    fn close(&self) {
        self.wake(|place| place.is_closed = true);
    }

    fn wake(&self, change: impl FnOnce(&mut Place<P>)) {
        let mut place = self.lock();
        change(&mut place);
        let sleeps = place.sleeps;
        drop(place);
        self.has_changed.store(true, Ordering::Release);
        if sleeps {
            self.changed.notify_all();
        }
    }

    fn take(&self) -> Option<Told<P>> {
        self.lock().told.take()
    }

    fn lock(&self) -> MutexGuard<'_, Place<P>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
