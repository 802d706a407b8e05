//! A run that waits for more to do until it is asked to stop.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use shardferry::executor::{Executor, ExecutorOptions, Notice, StopToken};
use tempfile::TempDir;

use super::mover::{FakeMover, Trouble};
use super::{When, assert_clean, begin, options, settings, tracker};

/// Whoever is told nothing for so long is told nothing any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// It gave a copy up after three tries, as a run does that has to end. The node came back an hour later,
/// and the copy stayed until somebody started another run.
#[test]
fn a_run_that_stays_tries_a_cleanup_until_it_succeeds() {
    let folder = TempDir::new().unwrap();
    let tracker = tracker(&folder, &settings());
    let mover = FakeMover::with_shards(&[(7, 1)]);
    mover.trouble("release_source", 7, &[Trouble::Retriable; 5]);
    begin(&tracker, 7, 1, 2);
    let (settled, is_settled) = mpsc::channel();
    let settled = Mutex::new(settled);
    let stop = StopToken::new();
    let stays = ExecutorOptions {
        stays: true,
        stop: stop.clone(),
        observer: Arc::new(When(move |notice: &Notice<'_>| {
            if matches!(notice, Notice::Settled { .. }) {
                settled.lock().unwrap().send(()).unwrap();
            }
        })),
        ..options()
    };
    std::thread::scope(|scope| {
        let run = scope.spawn(|| Executor::run(&tracker, &mover, &stays).unwrap());
        let told = is_settled.recv_timeout(PATIENCE);
        stop.stop();
        let report = run.join().unwrap();
        assert!(told.is_ok(), "given up: {:?}", report.cleanups);
        assert_eq!((report.completed, report.settled), (1, 1));
    });
    assert_eq!(mover.serving(7), [2]);
    assert_clean(&tracker);
}
