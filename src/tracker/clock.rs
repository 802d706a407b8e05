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
