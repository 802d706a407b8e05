use serde::{Deserialize, Serialize};

use super::{Rule, VERSION, rule};
use crate::codec::Record;
use crate::key::SettingsKey;

/// Whether a cutover demands proof that both copies are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// `complete` is accepted without one.
    Optional,
    /// `complete` demands a verification of the current attempt, with evidence that matches.
    Required,
}

/// The settings in force: part of the file, so that a restart changes none of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether a cutover demands a verification.
    pub verification: Verification,
    /// Most migrations that executors drive at once. `None`: no limit.
    pub in_flight_max: Option<u32>,
    /// Most of them with the same source.
    pub in_flight_per_source_max: Option<u32>,
    /// Most of them with the same destination.
    pub in_flight_per_destination_max: Option<u32>,
    /// Most of them with the same source and the same destination.
    pub in_flight_per_pair_max: Option<u32>,
    /// Bytes per second that all copies together may take.
    pub bytes_per_second_max: Option<u64>,
    /// How long a migration waits until it counts as one priority higher. 0: it never does.
    pub ageing_ms: u64,
    /// The failed attempt with this number fails the migration, and sets its shard aside. At least 1.
    pub attempts_max: u32,
    /// The wait after the first failed attempt; it doubles with each further one.
    pub backoff_ms_min: u64,
    /// The longest wait between two attempts.
    pub backoff_ms_max: u64,
    /// How long a claim holds without a sign of life.
    pub lease_ms: u64,
    /// After how long without progress a migration counts as stalled. 0: never.
    pub stall_ms: u64,
    /// How long a shard that moved is not sent back.
    pub cooldown_ms: u64,
    /// How long the source copy is kept after a cutover.
    pub cleanup_grace_ms: u64,
    /// Ended migrations that are kept. `None`: all.
    pub retention_count_max: Option<u64>,
    /// How long an ended migration is kept. `None`: for ever.
    pub retention_ms_max: Option<u64>,
    /// How far progress may be behind the disk. 0: each report waits for the disk.
    pub progress_lag_ms_max: u64,
    /// Free space on the file system of the file below which no migration begins; what is under
    /// way goes on. 0: it is not looked at.
    pub free_bytes_min: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            verification: Verification::Optional,
            in_flight_max: None,
            in_flight_per_source_max: None,
            in_flight_per_destination_max: None,
            in_flight_per_pair_max: None,
            bytes_per_second_max: None,
            ageing_ms: 60_000,
            attempts_max: 5,
            backoff_ms_min: 1_000,
            backoff_ms_max: 60_000,
            lease_ms: 30_000,
            stall_ms: 60_000,
            cooldown_ms: 600_000,
            cleanup_grace_ms: 0,
            retention_count_max: Some(100_000),
            retention_ms_max: None,
            progress_lag_ms_max: 1_000,
            free_bytes_min: 0,
        }
    }
}

impl Settings {
    /// The wait after so many failed attempts: doubles with each, up to the longest wait.
    #[must_use]
    pub fn backoff_ms(&self, failed_attempts: u32) -> u64 {
        let doublings = failed_attempts.saturating_sub(1).min(63);
        self.backoff_ms_min
            .saturating_mul(1 << doublings)
            .min(self.backoff_ms_max)
    }
}

impl Record for Settings {
    type Key = SettingsKey;
    const VERSION: u8 = VERSION;

    fn validate(&self, _: &SettingsKey) -> Result<(), Rule> {
        rule(self.attempts_max >= 1, "attempts_max is at least 1")?;
        rule(
            self.backoff_ms_min <= self.backoff_ms_max,
            "backoff_ms_min is at most backoff_ms_max",
        )?;
        rule(self.lease_ms >= 1, "lease_ms is at least 1")?;
        rule(
            self.in_flight_max != Some(0)
                && self.in_flight_per_source_max != Some(0)
                && self.in_flight_per_destination_max != Some(0)
                && self.in_flight_per_pair_max != Some(0)
                && self.bytes_per_second_max != Some(0),
            "a limit is at least 1",
        )
    }
}
