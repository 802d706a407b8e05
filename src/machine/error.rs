use super::CommandName;
use crate::schema::text::ExecutorName;
use crate::schema::v1::Status;
use crate::schema::{Epoch, MigrationId, TimestampMs};

/// Why a command was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The migration has ended; nothing can follow.
    #[error("migration {id} is {status}: {command} comes too late")]
    Ended {
        /// The migration.
        id: MigrationId,
        /// How it ended.
        status: Status,
        /// What was refused.
        command: CommandName,
    },
    /// The command does not follow on this status.
    #[error("migration {id} is {status}: {command} needs it to be {needs}")]
    WrongStatus {
        /// The migration.
        id: MigrationId,
        /// Where it stands.
        status: Status,
        /// What was refused.
        command: CommandName,
        /// Where it would have to stand.
        needs: Status,
    },
    /// The report comes from an attempt that is over.
    #[error("migration {id} is at epoch {current}: a report of epoch {got} changes nothing")]
    Fenced {
        /// The migration.
        id: MigrationId,
        /// The newest epoch.
        current: Epoch,
        /// The epoch of the report.
        got: Epoch,
    },
    /// An executor holds the migration.
    #[error("migration {id} is held by executor {executor} (epoch {epoch}) until {until_ms} ms")]
    Held {
        /// The migration.
        id: MigrationId,
        /// Who holds it.
        executor: ExecutorName,
        /// The current attempt.
        epoch: Epoch,
        /// The end of its lease without a further sign of life.
        until_ms: TimestampMs,
    },
    /// The migration waits after a failed attempt.
    #[error("migration {id} waits until {until_ms} ms before the next attempt; it is {now_ms} ms")]
    BackingOff {
        /// The migration.
        id: MigrationId,
        /// When it may be claimed.
        until_ms: TimestampMs,
        /// Now.
        now_ms: TimestampMs,
    },
    /// A cancellation was requested; the executor is to let go.
    #[error("migration {id} is being cancelled since {since_ms} ms: {command} is refused")]
    Cancelling {
        /// The migration.
        id: MigrationId,
        /// When the cancellation was requested.
        since_ms: TimestampMs,
        /// What was refused.
        command: CommandName,
    },
    /// Writes to the source are stopped; they have to go on first.
    #[error(
        "migration {id}: writes to its source are stopped since {since_ms} ms; \
         run an executor, which lets them go on, or cancel the migration"
    )]
    StillFenced {
        /// The migration.
        id: MigrationId,
        /// Since when.
        since_ms: TimestampMs,
    },
    /// Progress never goes back within an attempt.
    #[error("migration {id} has {recorded} bytes; a report of {reported} would go back")]
    ProgressBackwards {
        /// The migration.
        id: MigrationId,
        /// What is recorded.
        recorded: u64,
        /// What was reported.
        reported: u64,
    },
    /// Progress never passes the total.
    #[error("migration {id} has {total} bytes in all; a report of {reported} passes that")]
    ProgressPastTotal {
        /// The migration.
        id: MigrationId,
        /// What is to be copied.
        total: u64,
        /// What was reported.
        reported: u64,
    },
    /// The settings demand a proof and there is none of the current attempt.
    #[error(
        "migration {id} has no evidence of epoch {current} (the latest is of {latest:?}), \
         and verification is required: begin the verification and submit what it finds"
    )]
    NotVerified {
        /// The migration.
        id: MigrationId,
        /// The current epoch.
        current: Epoch,
        /// The epoch of the latest evidence.
        latest: Option<Epoch>,
    },
    /// The proof says that the copies differ.
    #[error(
        "migration {id}: the copies differ: the source has {source_items} items of \
         {source_bytes} bytes, the destination {destination_items} of {destination_bytes}"
    )]
    CopiesDiffer {
        /// The migration.
        id: MigrationId,
        /// Items of the source.
        source_items: u64,
        /// Bytes of the source.
        source_bytes: u64,
        /// Items of the destination.
        destination_items: u64,
        /// Bytes of the destination.
        destination_bytes: u64,
    },
}
