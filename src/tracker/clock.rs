use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::schema::TimestampMs;

/// The time of the tracker. It starts at the wall clock, or at the newest event where the wall
/// clock is behind it, and from then on only runs forward: a clock that is set ends no lease and
/// makes no negative duration.
#[derive(Debug)]
pub(super) struct Clock {
    start_ms: TimestampMs,
    started: Instant,
}

impl Clock {
    pub(super) fn starting_after(newest: TimestampMs) -> Self {
        Self {
            start_ms: wall_ms().max(newest),
            started: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> TimestampMs {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_ms.plus_ms(elapsed_ms)
    }
}

/// The wall clock. A clock before 1970 counts as 1970.
pub(super) fn wall_ms() -> TimestampMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    TimestampMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_MS: u64 = 365 * 86_400_000;

    /// The wall clock was set back since the newest event, or was ahead when it was written.
    #[test]
    fn it_goes_on_from_an_event_in_the_future() {
        let newest = wall_ms().plus_ms(YEAR_MS);
        let clock = Clock::starting_after(newest);
        let (one, two) = (clock.now(), clock.now());
        assert!(newest <= one && one <= two);
        assert!(two.ms_since(newest) < 60_000, "it does not run faster");
    }

    /// The wall clock was set forward since the newest event, or nobody was there for long.
    #[test]
    fn it_starts_at_the_wall_clock_where_that_is_ahead() {
        let before = wall_ms();
        let clock = Clock::starting_after(TimestampMs(before.0 - YEAR_MS));
        assert!(clock.now() >= before);
    }

    /// Once it runs, nobody asks the wall clock: it stays as far from it as it was.
    #[test]
    fn a_wall_clock_that_is_set_moves_it_neither_way() {
        for start_ms in [5, wall_ms().0 + YEAR_MS] {
            let clock = Clock {
                start_ms: TimestampMs(start_ms),
                started: Instant::now(),
            };
            let now = clock.now();
            assert!(now.0 >= start_ms && now.0 < start_ms + 60_000, "{now}");
        }
    }
}
