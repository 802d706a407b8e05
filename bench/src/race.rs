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

/// Does `work` once in each of so many threads, which is told in which.
pub(crate) fn each(threads: u64, work: impl Fn(u64) -> Result<()> + Sync) -> Result<()> {
    let one = |thread| work(thread).map_err(|error| error.to_string());
    let one = &one;
    thread::scope(|scope| {
        let each: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || one(thread)))
            .collect();
        for one in each {
            one.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}

/// Does `work` while each of `threads` threads does `beside` over and over, told as for
/// [`per_second`]. Answers what `work` answered, and how often per second it was done beside.
pub(crate) fn beside<T>(
    threads: u64,
    beside: impl Fn(u64, u64) -> Result<()> + Sync,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, f64)> {
    let over = AtomicBool::new(false);
    let one = |caller| {
        let mut nth = 0;
        while !over.load(Ordering::Relaxed) {
            beside(caller, nth).map_err(|error| error.to_string())?;
            nth += 1;
        }
        Ok::<u64, String>(nth)
    };
    let one = &one;
    thread::scope(|scope| {
        let started = Instant::now();
        let each: Vec<_> = (0..threads)
            .map(|caller| scope.spawn(move || one(caller)))
            .collect();
        let end = Ends(&over);
        let done = work();
        drop(end);
        let mut times = 0;
        for one in each {
            times += one.join().map_err(|_| "a thread beside panicked")??;
        }
        Ok((done?, times as f64 / started.elapsed().as_secs_f64()))
    })
}

/// Ends those beside, also where the work panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
