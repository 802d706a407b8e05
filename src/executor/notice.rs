use crate::schema::v1::{Cleanup, FailureClass, Migration};
use crate::schema::{MigrationId, TimestampMs};

/// What an executor tells those who watch it. The log of the file says the same, durably; this is
/// for progress bars.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice<'a> {
    /// A migration was claimed and is being copied.
    Claimed {
        /// As it was claimed.
        migration: &'a Migration,
        /// The bytes that an earlier attempt brought over and this one need not.
        resumed_bytes: u64,
    },
    /// The copy is this far.
    Copied {
        /// The migration.
        id: MigrationId,
        /// Bytes at the destination.
        bytes: u64,
        /// Bytes in all, when known.
        bytes_total: Option<u64>,
    },
    /// The comparison is this far.
    Verified {
        /// The migration.
        id: MigrationId,
        /// Bytes compared.
        bytes: u64,
        /// Bytes in all.
        bytes_total: u64,
    },
    /// Cut over: the destination owns the shard.
    Completed {
        /// As it ended.
        migration: &'a Migration,
    },
    /// An attempt did not succeed; it is tried again.
    AttemptFailed {
        /// The migration.
        id: MigrationId,
        /// What is known.
        class: FailureClass,
        /// Why.
        reason: &'a str,
        /// When it is tried again.
        not_before_ms: TimestampMs,
    },
    /// Given up.
    Failed {
        /// As it ended.
        migration: &'a Migration,
    },
    /// Called off.
    Cancelled {
        /// As it ended.
        migration: &'a Migration,
    },
    /// Let go because the executor stops.
    Released {
        /// The migration.
        id: MigrationId,
    },
    /// A copy that had to go is gone.
    Settled {
        /// What had to go.
        cleanup: &'a Cleanup,
    },
    /// A copy that has to go is still there; it is tried again.
    CleanupFailed {
        /// What has to go.
        cleanup: &'a Cleanup,
        /// Why it is still there.
        reason: &'a str,
    },
}

/// Watches an executor. Called from its threads: be quick.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn notice(&self, notice: &Notice<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn notice(&self, _: &Notice<'_>) {}
}
