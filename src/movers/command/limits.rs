use std::time::Duration;

use super::Step;

/// How long one call of the program may take. A call that takes longer is ended, and is tried again
/// like any other that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without a byte on stdout or stderr. `None`: as long as it likes.
    pub idle: Option<Duration>,
    /// In all, without the time that it waited for an answer. `None`: as long as it likes.
    pub total: Option<Duration>,
}

/// A program that works for so long has something to say about it.
const IDLE: Duration = Duration::from_secs(600);

/// Stopping and starting a service is short, and clients wait meanwhile.
const SWITCH: Duration = Duration::from_secs(60);

/// Removing is long at times, and nobody can call it off.
const REMOVAL: Duration = Duration::from_secs(3600);

impl Limits {
    /// What holds for `step` where nothing else is said.
    #[must_use]
    pub fn of(step: Step) -> Self {
        let total = match step {
            Step::Copy | Step::CatchUp | Step::Verify => None,
            Step::Fence | Step::Unfence | Step::Activate => Some(SWITCH),
            Step::ReleaseSource | Step::DiscardDestination => Some(REMOVAL),
        };
        Self {
            idle: Some(IDLE),
            total,
        }
    }

    /// Neither the one nor the other.
    #[must_use]
    pub fn none() -> Self {
        Self {
            idle: None,
            total: None,
        }
    }
}
