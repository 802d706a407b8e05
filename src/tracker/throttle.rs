use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shares out bytes per second among all copies of a file: of every executor, and every worker of it.
///
/// Each request is given the next free span of time: whoever asks waits for the end of the span
/// before its own. So the rate holds from the first instant, and nobody saves up for a burst.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    free_from: Mutex<Option<Instant>>,
}

impl Throttle {
    /// How long to wait before moving `bytes`, where so many may be moved in a second (0: any).
    pub(super) fn reserve(&self, bytes: u64, rate: u64) -> Duration {
        if rate == 0 {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
        let span = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut free_from = self
            .free_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let start = free_from.map_or(now, |free| free.max(now));
        *free_from = start.checked_add(span);
        start.duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_for_those_before_them() {
        let throttle = Throttle::default();
        assert_eq!(throttle.reserve(500, 1000), Duration::ZERO);
        let second = throttle.reserve(500, 1000);
        let third = throttle.reserve(0, 1000);
        assert!(second > Duration::from_millis(400) && second <= Duration::from_millis(500));
        assert!(third > Duration::from_millis(900) && third <= Duration::from_millis(1000));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let throttle = Throttle::default();
        assert_eq!(throttle.reserve(u64::MAX, 0), Duration::ZERO);
        assert_eq!(throttle.reserve(u64::MAX, 0), Duration::ZERO);
    }
}
