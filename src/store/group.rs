//! Operations that share a commit.
//!
//! Whoever comes first leads: it runs each operation on its own, its own and those that come meanwhile,
//! commits once, and tells everybody. Who comes while it commits goes with the next batch. A leader leads
//! for a bounded number of commits, then hands over to somebody who still waits: nobody works for others
//! for ever. Who is alone waits for nobody. Who shares no commit waits for its turn among the batches: redb
//! would give its writer to whoever asks at the right moment, and that is the leader.

mod bell;
mod led;

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::bell::Bell;
pub(super) use self::led::Led;
use super::{Commit, Procedure, StoreError, Tx};

/// Operations in one commit, at most: the more, the longer the first of them waits.
const BATCH_MAX: usize = 512;

/// Commits that one leader makes, at most.
const BATCHES_MAX: usize = 4;

/// A commit that takes less time is quick: to fall asleep and be woken takes as long.
const QUICK: Duration = Duration::from_micros(100);

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

    /// Says what became of it: what it answered, which stands, or why nothing of the batch does. Whoever
    /// waits looks when the bell of the batch rings.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
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
    /// In the order in which they are led. The first may be led already, and the last may still grow.
    queue: VecDeque<Batch>,
    is_led: bool,
}

/// Operations that go with one commit.
struct Batch {
    /// Those that nobody took to run them.
    waiting: Vec<Box<dyn Waiting>>,
    /// How many joined it. `None`: somebody waits for its turn, and nobody joins that.
    len: Option<usize>,
    bell: Arc<Bell>,
}

impl State {
    /// Lets `operation` wait; the bell to listen to.
    fn push(&mut self, operation: Box<dyn Waiting>) -> Arc<Bell> {
        if let Some(batch) = self.queue.back_mut()
            && let Some(len) = batch.len.as_mut().filter(|len| **len < BATCH_MAX)
        {
            *len += 1;
            batch.waiting.push(operation);
            return Arc::clone(&batch.bell);
        }
        self.push_batch(vec![operation], Some(1))
    }

    fn push_batch(&mut self, waiting: Vec<Box<dyn Waiting>>, len: Option<usize>) -> Arc<Bell> {
        let bell = Arc::new(Bell::default());
        self.queue.push_back(Batch {
            waiting,
            len,
            bell: Arc::clone(&bell),
        });
        bell
    }
}

impl Group {
    /// Runs `procedure` and waits until its commit is there. `commit_all` runs the operations of
    /// a batch until no more come, commits, and tells each; it is called by whoever leads.
    pub(super) fn write<P>(
        &self,
        procedure: P,
        commit: impl FnOnce(&P::Output) -> Commit + Send + 'static,
        commit_all: impl Fn(&mut Led<'_>),
    ) -> Result<P::Output, P::Error>
    where
        P: Procedure + Send + 'static,
        P::Output: Send + 'static,
        P::Error: Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let operation = Box::new(Operation {
            procedure,
            commit: Some(commit),
            outcome: None,
            slot: Arc::clone(&slot),
        });
        let (bell, leads) = {
            let mut state = self.lock();
            let bell = state.push(operation);
            (bell, !std::mem::replace(&mut state.is_led, true))
        };
        if leads || bell.wait(self.is_quick.load(Ordering::Relaxed)) {
            self.lead(commit_all);
        }
        match slot.take() {
            Some(Outcome::Answer(answer)) => answer,
            Some(Outcome::Panic(panic)) => resume_unwind(panic),
            // A leader that panicked told nobody.
            None => Err(StoreError::ReopenNeeded.into()),
        }
    }

    /// Waits for the turn of one who shares no commit, behind the batches that are there; until it ends, no
    /// batch runs.
    pub(super) fn turn(&self) -> Turn<'_> {
        let bell = {
            let mut state = self.lock();
            if !std::mem::replace(&mut state.is_led, true) {
                return Turn(self);
            }
            state.push_batch(Vec::new(), None)
        };
        // Nobody is told anything by this bell.
        while !bell.wait(false) {}
        let turn = Turn(self);
        self.lock().queue.pop_front();
        turn
    }

    fn lead(&self, commit_all: impl Fn(&mut Led<'_>)) {
        // Whatever happens, somebody else can lead, and nobody waits for ever.
        let end = Turn(self);
        for _ in 0..BATCHES_MAX {
            let Some(mut led) = Led::next_of(self) else {
                break;
            };
            let started = Instant::now();
            commit_all(&mut led);
            drop(led);
            let is_quick = started.elapsed() < QUICK;
            self.is_quick.store(is_quick, Ordering::Relaxed);
        }
        drop(end);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has it leads; at its end, the next one does.
pub(super) struct Turn<'a>(&'a Group);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        match state.queue.front() {
            Some(next) => next.bell.lead(),
            None => state.is_led = false,
        }
    }
}

struct Operation<P: Procedure, C> {
    procedure: P,
    commit: Option<C>,
    outcome: Option<Outcome<P>>,
    slot: Arc<Slot<P>>,
}

/// What whoever waits is told.
enum Outcome<P: Procedure> {
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
                self.outcome = Some(Outcome::Answer(answer));
                ran
            }
            Err(panic) => {
                self.outcome = Some(Outcome::Panic(panic));
                Ran::Drop
            }
        }
    }

    fn tell(mut self: Box<Self>, committed: Result<(), StoreError>) {
        let told = match (self.outcome.take(), committed) {
            (Some(Outcome::Answer(Ok(_))) | None, Err(error)) => Outcome::Answer(Err(error.into())),
            // What was refused may have been refused for what did not come to be.
            (Some(Outcome::Answer(Err(_))), Err(_)) | (None, Ok(())) => {
                Outcome::Answer(Err(StoreError::ReopenNeeded.into()))
            }
            (Some(told @ Outcome::Panic(_)), Err(_)) | (Some(told), Ok(())) => told,
        };
        self.slot.put(told);
    }
}

/// Where one who waits finds what became of it.
struct Slot<P: Procedure>(Mutex<Option<Outcome<P>>>);

impl<P: Procedure> Default for Slot<P> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<P: Procedure> Slot<P> {
    fn put(&self, outcome: Outcome<P>) {
        *self.lock() = Some(outcome);
    }

    fn take(&self) -> Option<Outcome<P>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Outcome<P>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
