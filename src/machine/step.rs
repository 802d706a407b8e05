use super::{By, Command, StepError, Transition, claim, end, progress, verify};
use crate::schema::v1::{Attempt, Migration, Settings, Status};
use crate::schema::{Epoch, SessionId, TimestampMs};

/// What `command` does to `migration` at `now`. This is the only place that decides.
///
/// # Errors
/// [`StepError`] when the command does not follow; the migration stays as it is.
pub fn step(
    migration: &Migration,
    command: &Command,
    settings: &Settings,
    now: TimestampMs,
) -> Result<Transition, StepError> {
    if migration.status().is_terminal() {
        return Err(StepError::Ended {
            id: migration.id,
            status: migration.status(),
            command: command.name(),
        });
    }
    let step = Step {
        migration,
        command,
        settings,
        now,
    };
    match command {
        Command::Start { by } => claim::start(&step, *by),
        Command::Claim { executor, session } => claim::claim(&step, executor, *session),
        Command::Renew { epoch, moving } => claim::renew(&step, *epoch, *moving),
        Command::Release { epoch } => claim::release(&step, *epoch),
        Command::Progress { by, report } => progress::progress(&step, *by, report),
        Command::Fence { epoch } => verify::fence(&step, *epoch),
        Command::Unfence { epoch } => verify::unfence(&step, *epoch),
        Command::BeginVerification { by } => verify::begin_verification(&step, *by),
        Command::SubmitEvidence {
            by,
            algorithm,
            source,
            destination,
        } => verify::submit_evidence(&step, *by, algorithm, source, destination),
        Command::Complete { by, waived } => end::complete(&step, *by, waived.as_ref()),
        Command::Fail { by, class, reason } => end::fail(&step, *by, *class, reason),
        Command::FailAttempt {
            epoch,
            class,
            reason,
            from_scratch,
        } => end::fail_attempt(&step, *epoch, *class, reason, *from_scratch),
        Command::Cancel { session, reason } => end::cancel(&step, *session, reason),
        Command::Retry { reason } => claim::retry(&step, reason),
    }
}

/// A command on a migration that has not ended, and what it is judged by.
pub(super) struct Step<'a> {
    pub(super) migration: &'a Migration,
    pub(super) command: &'a Command,
    pub(super) settings: &'a Settings,
    pub(super) now: TimestampMs,
}

impl Step<'_> {
    /// Whether `by` may command this migration now.
    pub(super) fn admit(&self, by: By) -> Result<(), StepError> {
        match (by, &self.migration.attempt) {
            (By::Caller, None) => Ok(()),
            (By::Caller, Some(attempt)) => Err(held(self.migration, attempt)),
            (By::Attempt(epoch), _) => self.admit_attempt(epoch).map(|_| ()),
        }
    }

    /// The attempt of `epoch`, when it is the current one.
    pub(super) fn admit_attempt(&self, epoch: Epoch) -> Result<&Attempt, StepError> {
        match &self.migration.attempt {
            Some(attempt) if attempt.epoch == epoch => Ok(attempt),
            Some(_) | None => Err(StepError::Fenced {
                id: self.migration.id,
                current: self.migration.epoch,
                got: epoch,
            }),
        }
    }

    /// Refuses what would go on while a cancellation waits.
    pub(super) fn not_cancelling(&self) -> Result<(), StepError> {
        match &self.migration.cancel {
            None => Ok(()),
            Some(request) => Err(StepError::Cancelling {
                id: self.migration.id,
                since_ms: request.at_ms,
                command: self.command.name(),
            }),
        }
    }

    pub(super) fn wrong_status(&self, needs: Status) -> StepError {
        StepError::WrongStatus {
            id: self.migration.id,
            status: self.migration.status(),
            command: self.command.name(),
            needs,
        }
    }
}

/// The attempt whose executor may still be alive, as `session` sees it.
pub(super) fn live_attempt(
    migration: &Migration,
    session: SessionId,
    now: TimestampMs,
) -> Option<&Attempt> {
    migration
        .attempt
        .as_ref()
        .filter(|attempt| attempt.session == session && now < attempt.lease_until_ms)
}

pub(super) fn held(migration: &Migration, attempt: &Attempt) -> StepError {
    StepError::Held {
        id: migration.id,
        executor: attempt.executor.clone(),
        epoch: attempt.epoch,
        until_ms: attempt.lease_until_ms,
    }
}
