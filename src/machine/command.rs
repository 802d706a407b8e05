use crate::schema::text::{Algorithm, Checkpoint, ExecutorName, Reason};
use crate::schema::v1::{FailureClass, Side};
use crate::schema::{Epoch, SessionId};

/// Who gives a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A caller of the library, without a claim. Refused while an executor holds the migration.
    Caller,
    /// The executor that holds this attempt. Refused when it is not the current one.
    Attempt(Epoch),
}

/// How far a copy is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes copied in this attempt.
    pub bytes_migrated: u64,
    /// Bytes to copy. `None`: not known, or as before.
    pub bytes_total: Option<u64>,
    /// Where a copy can go on that is interrupted now.
    pub checkpoint: Option<Checkpoint>,
}

/// What somebody wants of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start without an executor.
    Start {
        /// Who.
        by: By,
    },
    /// A new attempt of an executor.
    Claim {
        /// Its name, for people.
        executor: ExecutorName,
        /// The opening of the file that it lives in.
        session: SessionId,
    },
    /// A sign of life: the lease is renewed.
    Renew {
        /// The attempt.
        epoch: Epoch,
        /// Whether the work came further since the last sign of life, in a way that no progress tells.
        moving: bool,
    },
    /// The copy is this far. Starts a pending migration.
    Progress {
        /// Who.
        by: By,
        /// How far.
        report: Report,
    },
    /// Writes to the source are about to be stopped.
    Fence {
        /// The attempt.
        epoch: Epoch,
    },
    /// Writes to the source go on.
    Unfence {
        /// The attempt.
        epoch: Epoch,
    },
    /// The copy is there; the comparison starts.
    BeginVerification {
        /// Who.
        by: By,
    },
    /// What the comparison found.
    SubmitEvidence {
        /// Who.
        by: By,
        /// How the digests were made.
        algorithm: Algorithm,
        /// The original.
        source: Side,
        /// The copy.
        destination: Side,
    },
    /// The cutover.
    Complete {
        /// Who.
        by: By,
        /// Why it is done without the evidence that the settings demand. Evidence that the copies
        /// differ is never waived.
        waived: Option<Reason>,
    },
    /// The machine's verdict, at once and for good.
    Fail {
        /// Who.
        by: By,
        /// What is known.
        class: FailureClass,
        /// Why.
        reason: Reason,
    },
    /// The attempt did not succeed. It is tried again, or fails when there is no point in it.
    FailAttempt {
        /// The attempt.
        epoch: Epoch,
        /// What is known.
        class: FailureClass,
        /// Why.
        reason: Reason,
        /// Whether the checkpoint is of no use.
        from_scratch: bool,
    },
    /// The executor stops and lets go; another may go on.
    Release {
        /// The attempt.
        epoch: Epoch,
    },
    /// An operator's wish. At once when no executor is alive on it, else at its next report.
    Cancel {
        /// The opening of the file in which the wish was made.
        session: SessionId,
        /// Why.
        reason: Reason,
    },
    /// An operator's wish not to wait for the next attempt.
    Retry {
        /// Why.
        reason: Reason,
    },
}

/// The name of a [`Command`], for errors and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandName {
    /// See [`Command::Start`].
    Start,
    /// See [`Command::Claim`].
    Claim,
    /// See [`Command::Renew`].
    Renew,
    /// See [`Command::Progress`].
    Progress,
    /// See [`Command::Fence`].
    Fence,
    /// See [`Command::Unfence`].
    Unfence,
    /// See [`Command::BeginVerification`].
    BeginVerification,
    /// See [`Command::SubmitEvidence`].
    SubmitEvidence,
    /// See [`Command::Complete`].
    Complete,
    /// See [`Command::Fail`].
    Fail,
    /// See [`Command::FailAttempt`].
    FailAttempt,
    /// See [`Command::Release`].
    Release,
    /// See [`Command::Cancel`].
    Cancel,
    /// See [`Command::Retry`].
    Retry,
}

impl CommandName {
    /// The name: `begin-verification` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Claim => "claim",
            Self::Renew => "renew",
            Self::Progress => "progress",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::BeginVerification => "begin-verification",
            Self::SubmitEvidence => "submit-evidence",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::FailAttempt => "fail-attempt",
            Self::Release => "release",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }
}

impl std::fmt::Display for CommandName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Command {
    /// The name of the command.
    #[must_use]
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Start { .. } => CommandName::Start,
            Self::Claim { .. } => CommandName::Claim,
            Self::Renew { .. } => CommandName::Renew,
            Self::Progress { .. } => CommandName::Progress,
            Self::Fence { .. } => CommandName::Fence,
            Self::Unfence { .. } => CommandName::Unfence,
            Self::BeginVerification { .. } => CommandName::BeginVerification,
            Self::SubmitEvidence { .. } => CommandName::SubmitEvidence,
            Self::Complete { .. } => CommandName::Complete,
            Self::Fail { .. } => CommandName::Fail,
            Self::FailAttempt { .. } => CommandName::FailAttempt,
            Self::Release { .. } => CommandName::Release,
            Self::Cancel { .. } => CommandName::Cancel,
            Self::Retry { .. } => CommandName::Retry,
        }
    }
}
