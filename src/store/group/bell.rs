use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How often one who waits for a commit that should be quick looks whether it is there, before it sleeps.
const LOOKS_MAX: usize = 64;

/// What all of a batch listen to.
#[derive(Default)]
pub(super) struct Bell {
    call: Mutex<Call>,
    /// There is something to hear.
    has_rung: AtomicBool,
    changed: Condvar,
}

/// What it calls for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Call {
    #[default]
    Nothing,
    /// Somebody of the batch is to lead.
    Leader,
    /// Everybody was told; whoever hears it first wakes the others.
    Waker,
    /// Everybody was told.
    All,
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
        let is_silent = |call: &mut Call| *call == Call::Nothing;
        let heard = self.changed.wait_while(self.lock(), is_silent);
        let mut call = heard.unwrap_or_else(PoisonError::into_inner);
        match *call {
            Call::Nothing | Call::All => false,
            Call::Leader => {
                *call = Call::Nothing;
                true
            }
            Call::Waker => {
                *call = Call::All;
                drop(call);
                self.changed.notify_all();
                false
            }
        }
    }

    /// Makes one of those who wait lead.
    pub(super) fn lead(&self) {
        self.ring(Call::Leader);
    }

    /// Everybody was told. One of them wakes the others, while whoever led goes on.
    pub(super) fn tell(&self) {
        self.ring(Call::Waker);
    }

    fn ring(&self, call: Call) {
        *self.lock() = call;
        self.has_rung.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Call> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
