//! Cuts a mover off at one of its boundaries.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex};

use shardferry::executor::{CatchUp, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::SavedCheckpoint;

use crate::rig::Rig;

/// What the mover may do at its boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    Shut,
    Dead,
}

/// The name of a boundary, and which of that name it is in a run.
pub(crate) type Boundary = (String, usize);

struct State {
    passed: Vec<Boundary>,
    gate: Gate,
    was_shut: bool,
    ended: bool,
}

/// Stops at the first boundary that is new.
pub(crate) struct Knife {
    /// Those that are not, each with how many of its name came before it.
    known: HashSet<Boundary>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Knife {
    pub(crate) fn new(known: HashSet<Boundary>) -> Arc<Self> {
        Arc::new(Self {
            known,
            state: Mutex::new(State {
                passed: Vec::new(),
                gate: Gate::Open,
                was_shut: false,
                ended: false,
            }),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn pass(&self, boundary: &str) {
        let mut state = self.state.lock().unwrap();
        let earlier = state.passed.iter().filter(|(name, _)| name == boundary);
        let here = (boundary.to_owned(), earlier.count());
        let is_first = !state.was_shut && !self.known.contains(&here);
        state.passed.push(here);
        if is_first {
            state.was_shut = true;
            state.gate = Gate::Shut;
            self.changed.notify_all();
        }
        while state.gate == Gate::Shut {
            state = self.changed.wait(state).unwrap();
        }
        if state.gate == Gate::Dead {
            drop(state);
            // As a kill would: nothing more of it is done. Without a message.
            resume_unwind(Box::new("cut"));
        }
    }

    fn set(&self, gate: Gate) {
        self.state.lock().unwrap().gate = gate;
        self.changed.notify_all();
    }

    pub(crate) fn kill(&self) {
        self.set(Gate::Dead);
    }

    pub(crate) fn let_go_on(&self) {
        self.set(Gate::Open);
    }

    /// The mover will come to no more boundaries.
    pub(crate) fn end(&self) {
        self.state.lock().unwrap().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the mover stands still, or has ended; whether it stands still.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        while state.gate == Gate::Open && !state.ended {
            state = self.changed.wait(state).unwrap();
        }
        state.gate == Gate::Shut
    }

    /// The boundaries that it came to.
    pub(crate) fn passed(&self) -> Vec<Boundary> {
        self.state.lock().unwrap().passed.clone()
    }
}

/// A mover with a boundary before and after each step and at its reports.
pub(crate) struct Cut {
    pub(crate) rig: Rig,
    pub(crate) knife: Arc<Knife>,
}

impl Cut {
    fn step<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        self.knife.pass(&format!("before {name}"));
        let done = work();
        self.knife.pass(&format!("after {name}"));
        done
    }

    fn watch<'a>(&'a self, inner: &'a dyn Reporter) -> Watch<'a> {
        let knife = &self.knife;
        Watch { inner, knife }
    }
}

impl ShardMover for Cut {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let reporter = self.watch(reporter);
        self.step("copy", || self.rig.copy(job, checkpoint, &reporter))
    }

    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        let reporter = self.watch(reporter);
        self.step("catch_up", || self.rig.catch_up(job, &reporter))
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        self.step("fence", || self.rig.fence(job))
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.step("unfence", || self.rig.unfence(job))
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        let reporter = self.watch(reporter);
        self.step("verify", || self.rig.verify(job, &reporter))
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.step("activate", || self.rig.activate(job))
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.step("release_source", || self.rig.release_source(job))
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.step("discard_destination", || self.rig.discard_destination(job))
    }
}

struct Watch<'a> {
    inner: &'a dyn Reporter,
    knife: &'a Knife,
}

impl Reporter for Watch<'_> {
    fn progress(&self, bytes: u64, total: Option<u64>) -> Result<(), Interrupted> {
        self.inner.progress(bytes, total)
    }

    fn checkpoint(
        &self,
        cursor: Checkpoint,
        bytes: u64,
        total: Option<u64>,
    ) -> Result<(), Interrupted> {
        self.knife.pass("a batch copied");
        let told = self.inner.checkpoint(cursor, bytes, total);
        self.knife.pass("its checkpoint recorded");
        told
    }

    fn verified(&self, bytes: u64, total: u64) -> Result<(), Interrupted> {
        self.knife.pass("half verified");
        self.inner.verified(bytes, total)
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.knife.pass("a batch read");
        self.inner.throttle(bytes)
    }
}
