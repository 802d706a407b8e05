//! Operations that share a commit.
//!
//! Whoever comes first leads: it takes what waits, runs each operation on its own, commits once, and
//! tells everybody. Meanwhile others wait, and go with the next commit. A leader leads for a bounded
//! number of commits, then hands over to somebody who still waits: nobody works for others for ever.
//! Who is alone waits for nobody.

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

    /// Tells whoever waits: that it is committed, or why not. Not asked of those that were dropped.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);

    /// Makes whoever waits lead.
    fn lead(&self);
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
        if leads || slot.wait() {
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
            commit_all(batch);
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
            (Some(Told::Answer(Err(_))), Err(error))
                if !matches!(error, StoreError::ReopenNeeded) =>
            {
                Told::Answer(Err(StoreError::ReopenNeeded.into()))
            }
            (Some(told), Ok(()) | Err(_)) => told,
            (None, Ok(())) => Told::Answer(Err(StoreError::ReopenNeeded.into())),
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
    changed: Condvar,
}

struct Place<P: Procedure> {
    told: Option<Told<P>>,
    leads: bool,
    is_closed: bool,
}

impl<P: Procedure> Default for Slot<P> {
    fn default() -> Self {
        Self {
            place: Mutex::new(Place {
                told: None,
                leads: false,
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<P: Procedure> Slot<P> {
    /// Waits to be told something; whether that is to lead.
    fn wait(&self) -> bool {
        let place = self.lock();
        let waits = |place: &mut Place<P>| !place.leads && !place.is_closed;
        let waited = self.changed.wait_while(place, waits);
        let mut place = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut place.leads)
    }

    fn put(&self, told: Told<P>) {
        self.lock().told = Some(told);
    }

    fn lead(&self) {
        self.lock().leads = true;
        self.changed.notify_all();
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn take(&self) -> Option<Told<P>> {
        self.lock().told.take()
    }

    fn lock(&self) -> MutexGuard<'_, Place<P>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::schema::key::SettingsKey;
    use crate::schema::table::{SETTINGS, TableId};
    use crate::schema::v1::Settings;
    use crate::store::overlay::Overlay;
    use crate::store::put;
    use crate::store::tests::rows::Rows;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Does {
        Writes,
        Refuses,
        CannotEncode,
        Panics,
    }

    /// Writes its number first, whatever it does then.
    struct Op(u8, Does);

    impl Procedure for Op {
        type Output = u8;
        type Error = StoreError;

        fn run(&self, tx: &mut dyn Tx) -> Result<u8, StoreError> {
            tx.put(TableId::Nodes, &[self.0], &[self.0])?;
            match self.1 {
                Does::Writes => Ok(self.0),
                Does::Refuses => Err(StoreError::inconsistent(TableId::Nodes, &[self.0], "no")),
                Does::CannotEncode => {
                    let wrong = Settings {
                        attempts_max: 0,
                        ..Settings::default()
                    };
                    put(tx, SETTINGS, &SettingsKey::Current, &wrong)?;
                    Ok(self.0)
                }
                Does::Panics => panic!("as asked"),
            }
        }
    }

    /// A store in memory: how many batches it committed, and what it has.
    #[derive(Default)]
    struct Memory {
        group: Group,
        rows: Mutex<Rows>,
        batches: AtomicUsize,
        /// The first batch is committed when so many wait behind it.
        first_waits_for: usize,
        /// Whether commits fail.
        fails: bool,
    }

    impl Memory {
        fn write(&self, op: Op) -> Result<u8, StoreError> {
            let durable = |_: &u8| Commit::Durable;
            self.group.write(op, durable, |batch| self.commit(batch))
        }

        fn commit(&self, mut batch: Vec<Box<dyn Waiting>>) {
            if self.batches.fetch_add(1, Ordering::SeqCst) == 0 {
                while self.group.lock().queue.len() < self.first_waits_for {
                    thread::yield_now();
                }
            }
            let mut rows = self.rows.lock().unwrap();
            for op in &mut batch {
                let mut overlay = Overlay::over(&mut *rows);
                if let Ran::Keep(_) = op.run(&mut overlay) {
                    overlay.keep().unwrap();
                }
            }
            drop(rows);
            let mut failed = self.fails.then(|| StoreError::CommitUnknown {
                source: "the disk is gone".into(),
            });
            for op in batch {
                op.tell(match &mut failed {
                    None => Ok(()),
                    Some(error) => Err(std::mem::replace(error, error.again())),
                });
            }
        }

        fn has(&self) -> Vec<u8> {
            let rows = self.rows.lock().unwrap();
            rows.0.keys().map(|key| key[0]).collect()
        }
    }

    #[test]
    fn in_a_batch_each_stands_for_itself() {
        let memory = Memory {
            first_waits_for: 5,
            ..Memory::default()
        };
        let does = [
            Does::Writes,
            Does::Refuses,
            Does::CannotEncode,
            Does::Panics,
            Does::Writes,
            Does::Writes,
        ];
        let answers: Vec<_> = thread::scope(|scope| {
            let ops = (0..).zip(does).map(|(number, does)| {
                let memory = &memory;
                let first = number == 0;
                let handle = scope.spawn(move || memory.write(Op(number, does)));
                while first && memory.batches.load(Ordering::SeqCst) == 0 {
                    thread::yield_now();
                }
                handle
            });
            let ops: Vec<_> = ops.collect();
            ops.into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect()
        });
        for (number, answer) in (0..).zip(&answers) {
            match (does[usize::from(number)], answer) {
                (Does::Writes, Ok(Ok(told))) => assert_eq!(*told, number),
                (Does::Refuses, Ok(Err(StoreError::Inconsistent { .. })))
                | (Does::CannotEncode, Ok(Err(StoreError::Encode { .. })))
                | (Does::Panics, Err(_)) => {}
                (does, answer) => panic!("{does:?}: {answer:?}"),
            }
        }
        assert_eq!(
            memory.has(),
            [0, 4, 5],
            "what was not to be kept left nothing"
        );
        assert_eq!(
            memory.batches.load(Ordering::SeqCst),
            2,
            "five shared a commit"
        );
    }

    #[test]
    fn nobody_waits_for_ever_and_leaders_hand_over() {
        let memory = Memory::default();
        thread::scope(|scope| {
            for thread in 0..8_u8 {
                let memory = &memory;
                scope.spawn(move || {
                    for round in 0..20 {
                        let number = thread * 20 + round;
                        let does = match number % 7 {
                            0 => Does::Refuses,
                            _ => Does::Writes,
                        };
                        assert_eq!(memory.write(Op(number, does)).is_ok(), number % 7 != 0);
                    }
                });
            }
        });
        assert_eq!(
            memory.has().len(),
            (0..160).filter(|number| number % 7 != 0).count()
        );
        assert!(!memory.group.lock().is_led);
    }

    #[test]
    fn a_failed_commit_fails_everybody_in_it() {
        let memory = Memory {
            first_waits_for: 3,
            fails: true,
            ..Memory::default()
        };
        thread::scope(|scope| {
            for number in 0..4 {
                let memory = &memory;
                scope.spawn(move || {
                    let answer = memory.write(Op(number, Does::Writes));
                    assert!(
                        matches!(&answer, Err(StoreError::CommitUnknown { source })
                            if source.to_string().contains("the disk is gone")),
                        "{answer:?}"
                    );
                });
            }
        });
    }

    #[test]
    fn who_led_and_panicked_keeps_nobody_waiting() {
        let group = Group::default();
        let durable = |_: &u8| Commit::Durable;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            group.write(Op(1, Does::Writes), durable, |_| panic!("as asked"))
        }));
        assert!(panicked.is_err());
        let told = group.write(Op(2, Does::Writes), durable, |batch| {
            for mut op in batch {
                op.run(&mut Rows::default());
                op.tell(Ok(()));
            }
        });
        assert_eq!(told.unwrap(), 2);
    }
}
