//! How long something takes, on a machine that does other things as well.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What something took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// Of this thread: what it would take where nothing else runs.
    pub(crate) cpu: Duration,
    /// By the clock, with what else the machine did.
    pub(crate) wall: Duration,
}

/// What `work` answered, and how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let (start, start_cpu) = (Instant::now(), cpu());
    let answer = work();
    let taken = Taken {
        cpu: cpu().saturating_sub(start_cpu),
        wall: start.elapsed(),
    };
    (answer, taken)
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// The one in the middle, of each kind.
pub(crate) fn median(times: &[Taken]) -> Taken {
    let middle = |kind: fn(&Taken) -> Duration| {
        let mut times: Vec<Duration> = times.iter().map(kind).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Taken {
        cpu: middle(|taken| taken.cpu),
        wall: middle(|taken| taken.wall),
    }
}

/// Milliseconds of this thread and, in brackets, by the clock.
pub(crate) fn milliseconds(taken: Taken) -> String {
    let text = |time: Duration| {
        let milliseconds = time.as_secs_f64() * 1e3;
        if milliseconds < 10.0 {
            format!("{milliseconds:.2}")
        } else {
            format!("{milliseconds:.0}")
        }
    };
    format!("{} ({})", text(taken.cpu), text(taken.wall))
}
