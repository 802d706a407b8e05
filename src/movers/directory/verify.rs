//! The evidence: both sides, read at the same time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::digest::{Reading, Report, digest};
use super::error::Problem;
use super::examine::gone;
use super::measure::measure;
use super::relative::Relative;
use super::tree::Tree;
use crate::executor::{Interrupted, Reporter};
use crate::schema::v1::Side;

/// Reads `source` and `copy`, each in a thread of its own, because they are on two disks.
pub(super) fn both(
    source: &Tree,
    copy: &Tree,
    reporter: &dyn Reporter,
) -> Result<(Side, Side), Problem> {
    let total = measure(source)?.bytes.saturating_add(measure(copy)?.bytes);
    let meter = SharedMeter {
        reporter,
        state: Mutex::new(State {
            done: 0,
            total,
            stopped: false,
        }),
    };
    let (ours, theirs) = std::thread::scope(|scope| {
        let read_copy = || meter.watch(|report| digest(copy, Reading::FromDisk, report));
        let read_source = || meter.watch(|report| digest(source, Reading::Cached, report));
        let thread = std::thread::Builder::new().name("shardferry-verify".into());
        match thread.spawn_scoped(scope, read_copy) {
            Ok(other) => {
                let ours = read_source();
                let theirs = other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (ours, theirs)
            }
            // No thread to be had: one after the other.
            Err(_) => (read_source(), read_copy()),
        }
    });
    let (ours, theirs) = match (ours, theirs) {
        // The one stopped because of the other.
        (Err(Problem::Interrupted(_)), Err(problem)) => return Err(problem),
        (ours, theirs) => (ours?, theirs?),
    };
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => Ok((ours, theirs)),
        (None, _) => Err(gone(source)),
        (_, None) => Err(lost(copy)),
    }
}

/// The copy is not there.
pub(super) fn lost(copy: &Tree) -> Problem {
    let path = copy.path(&Relative::top());
    Problem::StartOver(format!(
        "the copy {path:?} is gone; it has to be made again"
    ))
}

/// Counts for two threads. A report is made under the lock, so that it never goes back.
struct SharedMeter<'a> {
    reporter: &'a dyn Reporter,
    state: Mutex<State>,
}

struct State {
    done: u64,
    total: u64,
    /// The other thread failed: what this one finds is of no use.
    stopped: bool,
}

impl SharedMeter<'_> {
    fn watch<T>(
        &self,
        read: impl FnOnce(&mut Report<'_>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let result = read(&mut |bytes| Ok(self.add(bytes)?));
        if result.is_err() {
            self.lock().stopped = true;
        }
        result
    }

    fn add(&self, bytes: u64) -> Result<(), Interrupted> {
        let mut state = self.lock();
        if state.stopped {
            return Err(Interrupted);
        }
        state.done = state.done.saturating_add(bytes);
        state.total = state.total.max(state.done);
        let told = self.reporter.verified(state.done, state.total);
        // Under the same lock: after an interruption the reporter is not called again.
        state.stopped |= told.is_err();
        told
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
