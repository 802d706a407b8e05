//! Operations that share a commit.
//!
//! Whoever comes first leads: it takes what waits, runs each operation on its own, commits once, and sends
//! the news by one of those who waited, who tells the others, while the leader goes on. Meanwhile others
//! wait, and go with the next commit. A leader leads for a bounded number of commits, then hands over to
//! somebody who still waits: nobody works for others for ever. Who is alone waits for nobody.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Commit, Procedure, StoreError, Tx};

/// Operations in one commit, at most: the more, the longer the first of them waits.
const BATCH_MAX: usize = 512;

/// Commits that one leader makes, at most.
const BATCHES_MAX: usize = 4;

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

    /// Tells whoever waits: that it is committed, or why not; and to tell others. Gives `others` back
    /// where nobody waits, as with a leader's own operation.
    fn tell(
        self: Box<Self>,
        committed: Result<(), StoreError>,
        others: Option<News>,
    ) -> Option<News>;

    /// Makes whoever waits lead.
    fn lead(&self);
}

/// What became of operations that shared a commit.
pub(super) struct News {
    batch: std::vec::IntoIter<Box<dyn Waiting>>,
    committed: Result<(), StoreError>,
}

impl News {
    /// Tells everybody.
    fn tell(mut self) {
        while let Some((one, committed)) = self.next() {
            one.tell(committed, None);
        }
    }

    /// Tells one of those who wait, who then tells the others. A leader, whose own operation is the first
    /// of its first batch, is told before.
    fn send(self) {
        let mut news = Some(self);
        while let Some(mut others) = news.take() {
            if let Some((one, committed)) = others.next() {
                news = one.tell(committed, Some(others));
            }
        }
    }

    fn next(&mut self) -> Option<(Box<dyn Waiting>, Result<(), StoreError>)> {
        let one = self.batch.next()?;
        let again = self.committed.as_ref().err().map(StoreError::again);
        // The error has one owner; the others are told the same.
        let committed = std::mem::replace(&mut self.committed, again.map_or(Ok(()), Err));
        Some((one, committed))
    }
}

/// Those who wait, and whether somebody leads.
#[derive(Default)]
pub(super) struct Group {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn Waiting>>,
    is_led: bool,
}

impl Group {
    /// Runs `procedure` and waits until its commit is there. `commit_all` runs and commits a batch; it is
    /// called by whoever leads.
    pub(super) fn write<P>(
        &self,
        procedure: P,
        commit: impl FnOnce(&P::Output) -> Commit + Send + 'static,
        commit_all: impl Fn(&mut [Box<dyn Waiting>]) -> Result<(), StoreError>,
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
        if leads {
            self.lead(&commit_all);
        }
        // Whoever led was told first, by itself; should another tell it, it waits for that.
        let others = loop {
            match slot.wait() {
                Woken::Leads => self.lead(&commit_all),
                Woken::Told(others) => break others,
            }
        };
        if let Some(others) = others {
            others.tell();
        }
        match slot.take() {
            Some(Told::Answer(answer)) => answer,
            Some(Told::Panic(panic)) => resume_unwind(panic),
            // A leader that panicked told nobody.
            None => Err(StoreError::ReopenNeeded.into()),
        }
    }

    fn lead(&self, commit_all: &impl Fn(&mut [Box<dyn Waiting>]) -> Result<(), StoreError>) {
        // Whatever happens, somebody else can lead, and nobody waits for ever.
        let end = HandOver(self);
        for _ in 1..BATCHES_MAX {
            let news = self.commit(commit_all);
            if self.lock().queue.is_empty() {
                drop(end);
                return news.tell();
            }
            news.send();
        }
        let news = self.commit(commit_all);
        drop(end);
        news.tell();
    }

    fn commit(
        &self,
        commit_all: &impl Fn(&mut [Box<dyn Waiting>]) -> Result<(), StoreError>,
    ) -> News {
        let mut batch = self.batch();
        let committed = commit_all(&mut batch);
        News {
            batch: batch.into_iter(),
            committed,
        }
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

    fn tell(
        mut self: Box<Self>,
        committed: Result<(), StoreError>,
        others: Option<News>,
    ) -> Option<News> {
        let told = match (self.outcome.take(), committed) {
            (Some(Told::Answer(Ok(_))) | None, Err(error)) => Told::Answer(Err(error.into())),
            // What was refused may have been refused for what did not come to be.
            (Some(Told::Answer(Err(_))), Err(error))
                if !matches!(error, StoreError::ReopenNeeded) =>
            {
                Told::Answer(Err(StoreError::ReopenNeeded.into()))
            }
            (Some(told), Ok(()) | Err(_)) => told,
            (None, Ok(())) => Told::Answer(Err(StoreError::ReopenNeeded.into())),
        };
        self.slot.put(told, others)
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
    changed: Condvar,
}

struct Place<P: Procedure> {
    told: Option<Told<P>>,
    /// Who else is to be told.
    others: Option<News>,
    /// Somebody waits here.
    waits: bool,
    leads: bool,
    is_closed: bool,
}

/// What ended a wait.
enum Woken {
    Leads,
    /// The news, and those who are to be told them.
    Told(Option<News>),
}

impl<P: Procedure> Default for Slot<P> {
    fn default() -> Self {
        Self {
            place: Mutex::new(Place {
                told: None,
                others: None,
                waits: false,
                leads: false,
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<P: Procedure> Slot<P> {
    fn wait(&self) -> Woken {
        let mut place = self.lock();
        place.waits = true;
        let waits = |place: &mut Place<P>| !place.leads && !place.is_closed;
        let waited = self.changed.wait_while(place, waits);
        let mut place = waited.unwrap_or_else(PoisonError::into_inner);
        place.waits = false;
        if std::mem::take(&mut place.leads) {
            Woken::Leads
        } else {
            Woken::Told(place.others.take())
        }
    }

    /// Gives `others` back where nobody waits.
    fn put(&self, told: Told<P>, others: Option<News>) -> Option<News> {
        let mut place = self.lock();
        place.told = Some(told);
        if !place.waits {
            return others;
        }
        place.others = others;
        None
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
        let waits = place.waits;
        drop(place);
        if waits {
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
