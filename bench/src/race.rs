//! Callers at the same time, for a while.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// How often per second `callers` threads together do `work`, which is told who calls and how often
/// that caller did before. The first failure ends it.
pub(crate) fn per_second(
    callers: u64,
    time: Duration,
    work: impl Fn(u64, u64) -> Result<()> + Sync,
) -> Result<f64> {
    let start = Barrier::new(usize::try_from(callers)? + 1);
    let (over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let one = |caller| {
        start.wait();
        let mut nth = 0;
        while !over.load(Ordering::Relaxed) {
            work(caller, nth).map_err(|error| error.to_string())?;
            nth += 1;
        }
        done.fetch_add(nth, Ordering::Relaxed);
        Ok::<(), String>(())
    };
    let one = &one;
    thread::scope(|scope| {
        let each: Vec<_> = (0..callers)
            .map(|caller| scope.spawn(move || one(caller)))
            .collect();
        start.wait();
        let started = Instant::now();
        while started.elapsed() < time && !each.iter().any(|one| one.is_finished()) {
            thread::sleep(Duration::from_millis(1));
        }
        over.store(true, Ordering::Relaxed);
        for one in each {
            one.join().map_err(|_| "a caller panicked")??;
        }
        Ok(done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
    })
}

/// Does `beside` in a thread over and over while `work` runs. Answers what `work` answered and how
/// often it was done.
pub(crate) fn beside<T>(
    beside: impl Fn() -> Result<()> + Sync,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, u64)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut times = 0;
            while !over.load(Ordering::Relaxed) {
                beside().map_err(|error| error.to_string())?;
                times += 1;
            }
            Ok::<u64, String>(times)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let times = other.join().map_err(|_| "the thread beside panicked")??;
        Ok((done?, times))
    })
}
