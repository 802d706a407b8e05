use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shares out bytes per second among all copies of an executor.
///
/// Each request is given the next free span of time: whoever asks waits for the end of the span
/// before its own. So the rate holds from the first instant, and nobody saves up for a burst.
#[derive(Debug)]
pub(super) struct Throttle {
    bytes_per_second: Option<u64>,
    free_from: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Self {
            bytes_per_second,
            free_from: Mutex::new(None),
        }
    }

    /// How long to wait before moving `bytes`.
    pub(super) fn reserve(&self, bytes: u64) -> Duration {
        let Some(rate) = self.bytes_per_second else {
            return Duration::ZERO;
        };
        let now = Instant::now();
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
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
        let throttle = Throttle::new(Some(1000));
        assert_eq!(throttle.reserve(500), Duration::ZERO);
        let second = throttle.reserve(500);
        let third = throttle.reserve(0);
        assert!(second > Duration::from_millis(400) && second <= Duration::from_millis(500));
        assert!(third > Duration::from_millis(900) && third <= Duration::from_millis(1000));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let throttle = Throttle::new(None);
        assert_eq!(throttle.reserve(u64::MAX), Duration::ZERO);
        assert_eq!(throttle.reserve(u64::MAX), Duration::ZERO);
    }
}
