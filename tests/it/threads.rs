//! Many threads on one handle, each doing whatever comes: the file stays in order.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shardferry::schema::v1::FailureClass;
use shardferry::tracker::{BeginError, ClaimError, CleanupError, TransitionError};
use shardferry::{Settings, ShardId};

use crate::support::{A, B, C, Place, blake3, clean, side, worker};

const THREADS: u64 = 6;
const ROUNDS: u64 = 60;

/// Refusals are expected, here in plenty; a failure of the file is not.
fn refused_or_done<T>(answer: Result<T, TransitionError>, done: &AtomicUsize) {
    match answer {
        Ok(_) => drop(done.fetch_add(1, Ordering::Relaxed)),
        Err(TransitionError::Store(error)) => panic!("{error}"),
        Err(_) => {}
    }
}

/// All of them begin to move the same shard at once, round for round: one of them does, and the others
/// are told which migration it is.
#[test]
fn one_begin_wins_each_round() {
    let place = Place::new();
    let tracker = place.create();
    let start = Barrier::new(THREADS as usize);
    for round in 0..ROUNDS {
        let shard = ShardId(round);
        let one = || {
            start.wait();
            tracker.begin_migration(shard, A, B)
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            joined.collect()
        });
        let won: Vec<_> = answers.iter().flatten().copied().collect();
        let [winner] = won[..] else {
            panic!("{} of them won: {answers:?}", won.len());
        };
        for answer in answers {
            match answer {
                Ok(_) => {}
                Err(BeginError::AlreadyMigrating { migration, .. }) => {
                    assert_eq!(migration, winner);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    clean(&tracker);
}

/// Readers share what they look at; whoever was told of a change looks at a state that has it.
#[test]
fn what_was_told_is_read() {
    let place = Place::new();
    let tracker = place.create();
    let (told, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut gone = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    let Some(newest) = told.load(Ordering::Acquire).checked_sub(1) else {
                        continue;
                    };
                    let migrating = tracker.is_shard_migrating(ShardId(newest as u64)).unwrap();
                    assert!(migrating, "what was told of shard {newest} is gone");
                }
            });
        }
        for shard in 0..THREADS * ROUNDS {
            let id = tracker.begin_migration(ShardId(shard), A, B).unwrap();
            told.store(shard as usize + 1, Ordering::Release);
            gone.extend(tracker.get_migration(id).unwrap().is_none().then_some(id));
        }
        over.store(true, Ordering::Release);
    });
    assert_eq!(gone, []);
    clean(&tracker);
}

#[test]
fn threads_that_do_whatever_comes() {
    let place = Place::new();
    let settings = Settings {
        in_flight_max: Some(3),
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        lease_ms: 2,
        retention_count_max: Some(20),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (tracker, done) = (&tracker, &done);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    // All of them want the same few shards; each in an order of its own.
                    let turn = round * (2 * thread + 3) + thread;
                    let shard = ShardId(turn % 4);
                    let (from, to) = [(A, B), (B, C), (C, A)][turn as usize % 3];
                    match tracker.begin_migration(shard, from, to) {
                        Err(BeginError::Store(error)) => panic!("{error}"),
                        Err(BeginError::CleanupOpen { node, .. }) => {
                            match tracker.settle_cleanup(node, shard) {
                                Ok(()) | Err(CleanupError::NotFound { .. }) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                        Ok(_) | Err(_) => {}
                    }
                    let Some(migration) = tracker.active_migration(shard).unwrap() else {
                        continue;
                    };
                    let id = migration.id;
                    if turn % 5 == 0 {
                        refused_or_done(tracker.cancel_migration(id, "enough"), done);
                    }
                    let claim = match tracker.claim(id, &worker()) {
                        Ok(claim) => claim,
                        Err(ClaimError::Store(error)) => panic!("{error}"),
                        Err(_) => {
                            refused_or_done(tracker.update_progress(id, turn, None), done);
                            refused_or_done(tracker.fail_migration(id, "by hand"), done);
                            continue;
                        }
                    };
                    refused_or_done(claim.report(turn, None, None), done);
                    match turn % 7 {
                        0 => refused_or_done(claim.release(), done),
                        1 | 2 => {
                            let class = FailureClass::Retriable;
                            refused_or_done(claim.fail_attempt(class, "timeout", true), done);
                        }
                        3 => {
                            refused_or_done(claim.begin_verification(), done);
                            let evidence = claim.submit_evidence(blake3(), side(1), side(1));
                            refused_or_done(evidence, done);
                            refused_or_done(claim.complete(), done);
                        }
                        4 => {} // It dies without a word; its lease runs out.
                        _ => refused_or_done(claim.complete(), done),
                    }
                }
            });
        }
    });
    let image = clean(&tracker);
    assert!(
        image.pruned().migrations > 0,
        "history was long enough to be pruned"
    );
    let done = done.into_inner();
    assert!(done > 100, "only {done} transitions were accepted");
}
