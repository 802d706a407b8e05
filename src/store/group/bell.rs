use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How often one who waits for a commit that should be quick looks whether it is there, before it sleeps.
const LOOKS_MAX: usize = 64;

/// What all of a batch listen to: to wake them together is one call into the kernel.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    /// There is something to look at in `rung`.
    has_rung: AtomicBool,
    changed: Condvar,
}

#[derive(Default)]
struct Rung {
    /// Somebody of the batch is to lead.
    for_leader: bool,
    /// Everybody was told.
    for_all: bool,
}

impl Bell {
    /// Waits for the batch to be told, or to be the one that leads; whether it is that.
    pub(super) fn wait(&self, soon: bool) -> bool {
        if soon {
            let mut looks = (0..LOOKS_MAX).map(|_| self.has_rung.load(Ordering::Acquire));
            looks.any(|has_rung| {
                if !has_rung {
                    thread::yield_now();
                }
                has_rung
            });
        }
        let waits = |rung: &mut Rung| !rung.for_leader && !rung.for_all;
        let waited = self.changed.wait_while(self.lock(), waits);
        let mut rung = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut rung.for_leader)
    }

    /// Makes one of those who wait lead.
    pub(super) fn lead(&self) {
        self.lock().for_leader = true;
        self.has_rung.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    fn ring(&self) {
        self.lock().for_all = true;
        self.has_rung.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rings at the end of a batch, which may be a panic: whoever was told nothing waits no longer.
pub(super) struct RingAtEnd<'a>(pub(super) &'a Bell);

impl Drop for RingAtEnd<'_> {
    fn drop(&mut self) {
        self.0.ring();
    }
}
