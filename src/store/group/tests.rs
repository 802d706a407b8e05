mod breaking;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::schema::key::SettingsKey;
use crate::schema::table::{SETTINGS, TableId};
use crate::schema::v1::Settings;
use crate::store::put;
use crate::store::tests::rows::Rows;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Writes,
    Refuses,
    CannotEncode,
    MeetsAFailure,
    Panics,
}

/// A table that a file may have and that cannot be opened there.
const UNUSABLE: TableId = TableId::Quarantine;

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
            Does::MeetsAFailure => {
                tx.get(UNUSABLE, &[self.0])?;
                Ok(self.0)
            }
            Does::Panics => panic!("as asked"),
        }
    }
}

/// How many wait for somebody to lead them.
fn waiting_in(group: &Group) -> usize {
    let state = group.lock();
    state.queue.iter().map(|batch| batch.waiting.len()).sum()
}

/// A store in memory: how many batches it committed, and what it has.
#[derive(Default)]
struct Memory {
    group: Group,
    rows: Mutex<Rows>,
    batches: AtomicUsize,
    /// The first batch is closed, and then committed when so many wait behind it.
    first_waits_for: usize,
    /// Whether commits fail.
    fails: bool,
}

impl Memory {
    fn write(&self, op: Op) -> Result<u8, StoreError> {
        let durable = |_: &u8| Commit::Durable;
        self.group.write(op, durable, |led| self.commit(led))
    }

    fn commit(&self, led: &mut Led<'_>) {
        let mut batch = Vec::new();
        let mut rows = self.rows.lock().unwrap();
        for mut op in led {
            let before = rows.clone();
            if op.run(&mut *rows) == Ran::Drop {
                *rows = before;
            }
            batch.push(op);
        }
        drop(rows);
        if self.batches.fetch_add(1, Ordering::SeqCst) == 0 {
            self.wait_for(self.first_waits_for);
        }
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

    fn wait_for(&self, waiting: usize) {
        while waiting_in(&self.group) < waiting {
            thread::yield_now();
        }
    }

    fn has(&self) -> Vec<u8> {
        let rows = self.rows.lock().unwrap();
        rows.0.keys().map(|key| key[0]).collect()
    }
}

/// What callers are told of which the first leads, and the others come while it commits.
fn together(memory: &Memory, does: &[Does]) -> Vec<thread::Result<Result<u8, StoreError>>> {
    thread::scope(|scope| {
        let ops = (0..).zip(does).map(|(number, does)| {
            let first = number == 0;
            let handle = scope.spawn(move || memory.write(Op(number, *does)));
            while first && memory.batches.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            handle
        });
        let ops: Vec<_> = ops.collect();
        ops.into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    })
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
    let answers = together(&memory, &does);
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
    for answer in together(&memory, &[Does::Writes; 4]) {
        assert!(
            matches!(&answer, Ok(Err(StoreError::CommitUnknown { source }))
                if source.to_string().contains("the disk is gone")),
            "{answer:?}"
        );
    }
}

/// One was refused for what another wrote before it in the same batch, and was told so for good. Then the
/// commit failed: what it was refused for never came to be.
#[test]
fn what_was_refused_in_a_batch_whose_commit_failed_is_not_told_as_final() {
    let memory = Memory {
        first_waits_for: 2,
        fails: true,
        ..Memory::default()
    };
    let does = [Does::Writes, Does::Writes, Does::Refuses];
    let answers = together(&memory, &does);
    for answer in &answers[..2] {
        assert!(
            matches!(answer, Ok(Err(StoreError::CommitUnknown { .. }))),
            "{answers:?}"
        );
    }
    assert!(
        matches!(answers[2], Ok(Err(StoreError::ReopenNeeded))),
        "{answers:?}"
    );
}

#[test]
fn who_led_and_panicked_keeps_nobody_waiting() {
    let group = Group::default();
    let durable = |_: &u8| Commit::Durable;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        group.write(Op(1, Does::Writes), durable, |_| panic!("as asked"))
    }));
    assert!(panicked.is_err());
    let told = group.write(Op(2, Does::Writes), durable, |led| {
        for mut op in led {
            op.run(&mut Rows::default());
            op.tell(Ok(()));
        }
    });
    assert_eq!(told.unwrap(), 2);
}

/// An operation that is there when it is told to run, and does nothing.
struct Idle;

impl Waiting for Idle {
    fn run(&mut self, _: &mut dyn Tx) -> Ran {
        Ran::Drop
    }

    fn tell(self: Box<Self>, _: Result<(), StoreError>) {}
}

#[test]
fn who_comes_while_a_batch_runs_goes_with_it_and_who_comes_later_does_not() {
    let group = Group::default();
    group.lock().push(Box::new(Idle));
    let mut led = Led::next_of(&group).unwrap();
    assert!(led.next().is_some());
    for _ in 0..2 {
        group.lock().push(Box::new(Idle));
        assert!(led.next().is_some(), "it came meanwhile");
    }
    assert!(led.next().is_none());
    group.lock().push(Box::new(Idle));
    assert!(led.next().is_none(), "the batch is closed");
    drop(led);
    assert_eq!(waiting_in(&group), 1);
    assert_eq!(Led::next_of(&group).unwrap().count(), 1);
    assert!(Led::next_of(&group).is_none());
}

#[test]
fn a_batch_is_bounded_however_many_come() {
    let group = Group::default();
    group.lock().push(Box::new(Idle));
    let mut led = Led::next_of(&group).unwrap();
    let mut given = 0;
    while led.next().is_some() {
        given += 1;
        group.lock().push(Box::new(Idle));
    }
    assert_eq!(given, BATCH_MAX);
    drop(led);
    assert_eq!(waiting_in(&group), 1, "the last goes with the next batch");
}

#[test]
fn a_batch_that_is_given_up_leaves_nobody_in_the_queue() {
    let group = Group::default();
    for _ in 0..3 {
        group.lock().push(Box::new(Idle));
    }
    let mut led = Led::next_of(&group).unwrap();
    assert!(led.next().is_some());
    group.lock().push(Box::new(Idle));
    drop(led);
    assert_eq!(waiting_in(&group), 0);
}

/// Says its number when it runs.
struct Says(u8, Arc<Mutex<Vec<u8>>>);

impl Procedure for Says {
    type Output = ();
    type Error = StoreError;

    fn run(&self, _: &mut dyn Tx) -> Result<(), StoreError> {
        self.1.lock().unwrap().push(self.0);
        Ok(())
    }
}

/// redb gives its writer to whoever asks at the right moment: beside busy callers who share commits, that was
/// never one who did not.
#[test]
fn who_shares_no_commit_has_its_turn_among_the_batches() {
    let (group, said) = (&Group::default(), &Arc::new(Mutex::new(Vec::new())));
    let queued = |batches| {
        while group.lock().queue.len() < batches {
            thread::yield_now();
        }
    };
    let shares = move |number| {
        let says = Says(number, Arc::clone(said));
        let told = group.write(
            says,
            |()| Commit::Durable,
            |led| {
                for mut op in led {
                    op.run(&mut Rows::default());
                    op.tell(Ok(()));
                }
            },
        );
        told.unwrap();
    };
    thread::scope(|scope| {
        let turn = group.turn();
        scope.spawn(move || shares(1));
        queued(1);
        scope.spawn(|| {
            let _turn = group.turn();
            said.lock().unwrap().push(2);
        });
        queued(2);
        scope.spawn(move || shares(3));
        queued(3);
        assert!(said.lock().unwrap().is_empty());
        drop(turn);
    });
    assert_eq!(*said.lock().unwrap(), [1, 2, 3]);
    assert!(!group.lock().is_led);
    drop(group.turn());
    assert!(!group.lock().is_led);
}
