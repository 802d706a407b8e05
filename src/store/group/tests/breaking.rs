//! The file, or the code, fails under a commit that is shared.

use std::collections::BTreeMap;
use std::iter;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{Database, TableDefinition};

use super::*;
use crate::store::ballast::Ballast;
use crate::store::{Durability, Store};

/// Who is told nothing for so long waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a caller got; `None`: a panic.
type Answer = Option<Result<u8, StoreError>>;

/// A file in memory, and callers that write to it at the same time.
struct File {
    group: Group,
    store: Store,
    /// Batches that were begun.
    batches: AtomicUsize,
    /// And those that nobody joins any more.
    closed: AtomicUsize,
    /// Commits the batch with this number, from 0.
    commits: fn(&Self, usize, &mut Led<'_>),
    answers: Sender<(u8, Answer)>,
}

impl File {
    fn new(commits: fn(&Self, usize, &mut Led<'_>)) -> (Arc<Self>, Answers) {
        let memory = InMemoryBackend::new();
        let db = Database::builder().create_with_backend(memory).unwrap();
        let txn = db.begin_write().unwrap();
        let of_another_type = TableDefinition::<u64, u64>::new(UNUSABLE.name());
        txn.open_table(of_another_type).unwrap();
        txn.commit().unwrap();
        let (answers, told) = mpsc::channel();
        let file = Self {
            group: Group::default(),
            store: Store::new(db, Durability::Standard, None, Ballast::default()),
            batches: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            commits,
            answers,
        };
        (Arc::new(file), Answers(told))
    }

    /// Another caller, in a thread of its own.
    fn call(self: &Arc<Self>, number: u8, does: Does) {
        let file = Arc::clone(self);
        thread::spawn(move || {
            let answer = catch_unwind(AssertUnwindSafe(|| file.write(Op(number, does))));
            // Nobody listens once a test has failed.
            drop(file.answers.send((number, answer.ok())));
        });
    }

    fn write(&self, op: Op) -> Result<u8, StoreError> {
        let durable = |_: &u8| Commit::Durable;
        self.group.write(op, durable, |led| {
            let nth = self.batches.fetch_add(1, Ordering::SeqCst);
            (self.commits)(self, nth, led);
        })
    }

    /// Commits a batch, and what comes after it when nobody joins it any more.
    fn commit_when_closed(&self, led: &mut Led<'_>, last: impl Iterator<Item = Box<dyn Waiting>>) {
        let closed = iter::from_fn(|| {
            self.closed.fetch_add(1, Ordering::SeqCst);
            None
        });
        let mut all = led.chain(closed).chain(last).fuse();
        self.store.commit_together(&mut all);
    }

    fn wait_for_closed(&self, batches: usize) {
        while self.closed.load(Ordering::SeqCst) < batches {
            thread::yield_now();
        }
    }

    fn wait_for_callers(&self, waiting: usize) {
        while waiting_in(&self.group) < waiting {
            thread::yield_now();
        }
    }
}

struct Answers(Receiver<(u8, Answer)>);

impl Answers {
    fn of(&self, callers: usize) -> BTreeMap<u8, Answer> {
        let next = |_| {
            let told = self.0.recv_timeout(PATIENCE);
            told.expect("somebody waits for ever")
        };
        (0..callers).map(next).collect()
    }
}

/// Panics where no operation of a caller does: what is around it is not prepared for that.
struct PanicsOutside;

impl Waiting for PanicsOutside {
    fn run(&mut self, _: &mut dyn Tx) -> Ran {
        panic!("as asked")
    }

    fn tell(self: Box<Self>, _: Result<(), StoreError>) {}
}

/// What one operation wrote was there for the others in its batch, and then the batch panicked. Whoever led
/// left the handle as if nothing had been: nobody knew how far the transaction was.
#[test]
fn a_panic_before_the_commit_ends_the_handle_and_keeps_nobody_waiting() {
    let (file, answers) = File::new(|file, nth, led| {
        let last = iter::from_fn(|| {
            if nth < 2 {
                file.wait_for_callers(1);
            }
            (nth == 1).then(|| -> Box<dyn Waiting> { Box::new(PanicsOutside) })
        });
        file.commit_when_closed(led, last);
    });
    // The first leads, the second is in the batch that panics, the third is behind it.
    for caller in 0..3 {
        file.call(caller, Does::Writes);
        file.wait_for_closed(usize::from(caller + 1).min(2));
    }
    let told = answers.of(3);
    assert!(told[&0].is_none(), "{told:?}");
    for caller in [1, 2] {
        let answer = &told[&caller];
        assert!(
            matches!(answer, Some(Err(StoreError::ReopenNeeded))),
            "{told:?}"
        );
    }
    assert!(file.store.needs_reopen());
    assert!(!file.group.lock().is_led);
}

/// One was refused for what another wrote before it in the batch. Then a third met a failure of the file:
/// nothing of the batch came to be, and the second was told its refusal all the same.
#[test]
fn only_whoever_met_the_failure_is_told_what_it_was() {
    let (file, answers) = File::new(|file, nth, led| {
        let last = iter::from_fn(|| {
            if nth == 0 {
                file.wait_for_callers(4);
            }
            None
        });
        file.commit_when_closed(led, last);
    });
    let does = [
        Does::Writes,
        Does::Writes,
        Does::Refuses,
        Does::MeetsAFailure,
        Does::Writes,
    ];
    for (caller, does) in (0..).zip(does) {
        file.call(caller, does);
        match caller {
            0 => file.wait_for_closed(1),
            4 => {}
            behind => file.wait_for_callers(usize::from(behind)),
        }
    }
    let told = answers.of(5);
    assert!(matches!(told[&0], Some(Ok(0))), "{told:?}");
    for caller in [1, 2, 4] {
        let answer = &told[&caller];
        assert!(
            matches!(answer, Some(Err(StoreError::ReopenNeeded))),
            "{told:?}"
        );
    }
    assert!(
        matches!(told[&3], Some(Err(StoreError::Storage { .. }))),
        "{told:?}"
    );
    assert!(file.store.needs_reopen());
}

/// One was refused for what another wrote before it in the batch. Then the read of another thread met a failure
/// of the file, and the refusal was told as if it had been for that.
#[test]
fn who_was_refused_before_a_read_failed_elsewhere_is_not_told_so_for_good() {
    let (file, answers) = File::new(|file, nth, led| {
        let breaks_before = if nth == 1 { 1 } else { usize::MAX };
        let mut given = 0;
        let mut all = iter::from_fn(|| {
            let next = led.next();
            if given == breaks_before {
                thread::scope(|scope| {
                    scope.spawn(|| file.store.health.give_up());
                });
            }
            given += 1;
            if next.is_none() && nth == 0 {
                file.closed.fetch_add(1, Ordering::SeqCst);
                file.wait_for_callers(2);
            }
            next
        })
        .fuse();
        file.store.commit_together(&mut all);
    });
    for (caller, does) in (0..).zip([Does::Writes, Does::Writes, Does::Refuses]) {
        file.call(caller, does);
        match caller {
            0 => file.wait_for_closed(1),
            1 => file.wait_for_callers(1),
            _ => {}
        }
    }
    let told = answers.of(3);
    assert!(matches!(told[&0], Some(Ok(0))), "{told:?}");
    for caller in [1, 2] {
        let answer = &told[&caller];
        assert!(
            matches!(answer, Some(Err(StoreError::ReopenNeeded))),
            "{told:?}"
        );
    }
}
