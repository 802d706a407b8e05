use std::sync::Arc;
use std::thread;
use std::vec::IntoIter;

use super::bell::Bell;
use super::{Group, State, Waiting};

/// A batch that is led: it gives its operations, as long as some come, and is closed when none does. At its
/// end, which may be a panic, whoever was told nothing waits no longer.
pub(in crate::store) struct Led<'a> {
    group: &'a Group,
    bell: Arc<Bell>,
    taken: IntoIter<Box<dyn Waiting>>,
    /// How many it gave.
    given: usize,
    /// Others may still join it: it is the first of the queue.
    is_open: bool,
}

impl<'a> Led<'a> {
    /// The next one that waits. `None`: there is none, or it is somebody's turn who shares no commit.
    pub(super) fn next_of(group: &'a Group) -> Option<Self> {
        let state = group.lock();
        let next = state.queue.front().filter(|batch| batch.len.is_some())?;
        Some(Self {
            group,
            bell: Arc::clone(&next.bell),
            taken: IntoIter::default(),
            given: 0,
            is_open: true,
        })
    }

    /// Takes those who came, and closes the batch, if that is wanted, when nobody did.
    fn take(&mut self, closes: bool) {
        let mut state = self.group.lock();
        let front = state.queue.front_mut();
        let came = front.map(|batch| std::mem::take(&mut batch.waiting));
        self.taken = came.unwrap_or_default().into_iter();
        if closes && self.taken.len() == 0 {
            self.close(&mut state);
        }
    }

    fn close(&mut self, state: &mut State) {
        if std::mem::replace(&mut self.is_open, false) {
            state.queue.pop_front();
        }
    }
}

impl Iterator for Led<'_> {
    type Item = Box<dyn Waiting>;

    fn next(&mut self) -> Option<Box<dyn Waiting>> {
        let is_shared = self.given > 1;
        if self.taken.len() == 0 && self.is_open && is_shared {
            self.take(false);
            if self.taken.len() == 0 {
                // Those who were told come again; some of them wait for this core.
                thread::yield_now();
            }
        }
        if self.taken.len() == 0 && self.is_open {
            self.take(true);
        }
        let next = self.taken.next();
        self.given += usize::from(next.is_some());
        next
    }
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        let group = self.group;
        self.close(&mut group.lock());
        self.bell.tell();
    }
}
