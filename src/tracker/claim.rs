//! What an executor holds while it works on a migration.

use super::{MigrationTracker, TransitionError};
use crate::machine::{By, Command, Report};
use crate::schema::Epoch;
use crate::schema::text::{Algorithm, Checkpoint, Reason};
use crate::schema::v1::{FailureClass, Migration, Side};

/// The right to work on a migration. Each report carries its epoch: once another claim was made,
/// every report of this one is refused and changes nothing.
///
/// Dropping a claim changes nothing: the migration stays claimed until its lease runs out or the
/// file is opened again. Say how it ended: [`Self::complete`], [`Self::fail_attempt`] or
/// [`Self::release`].
#[derive(Clone, Debug)]
pub struct Claim<'t> {
    tracker: &'t MigrationTracker,
    epoch: Epoch,
    migration: Migration,
}

impl<'t> Claim<'t> {
    pub(super) fn of(tracker: &'t MigrationTracker, migration: Migration) -> Self {
        Self {
            tracker,
            epoch: migration.epoch,
            migration,
        }
    }

    /// The migration, as it was claimed.
    #[must_use]
    pub fn migration(&self) -> &Migration {
        &self.migration
    }

    /// The fencing token.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn by(&self) -> By {
        By::Attempt(self.epoch)
    }

    fn transit(&self, command: Command) -> Result<Migration, TransitionError> {
        self.tracker.transit(self.migration.id, command)
    }

    /// Says how far the copy is, and renews the lease. As far behind the disk as
    /// [`MigrationTracker::update_progress`].
    ///
    /// # Errors
    /// [`TransitionError`]; on [`Fenced`](crate::machine::StepError::Fenced),
    /// [`Cancelling`](crate::machine::StepError::Cancelling) and
    /// [`Ended`](crate::machine::StepError::Ended) the work has to stop.
    pub fn report(
        &self,
        bytes_migrated: u64,
        bytes_total: Option<u64>,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Migration, TransitionError> {
        let report = Report {
            bytes_migrated,
            bytes_total,
            checkpoint,
        };
        let by = self.by();
        self.tracker
            .transit_lazily(self.migration.id, Command::Progress { by, report })
    }

    /// A sign of life: renews the lease. Whether the work comes further is told by reports; without
    /// any for `stall_ms` the log says that it stalls.
    ///
    /// # Errors
    /// As for [`Self::report`].
    pub fn renew(&self) -> Result<Migration, TransitionError> {
        self.sign_of_life(false)
    }

    /// As [`Self::renew`], of work that comes further in a way that no report tells: a comparison.
    ///
    /// # Errors
    /// As for [`Self::report`].
    pub fn renew_moving(&self) -> Result<Migration, TransitionError> {
        self.sign_of_life(true)
    }

    fn sign_of_life(&self, moving: bool) -> Result<Migration, TransitionError> {
        let epoch = self.epoch;
        self.tracker
            .transit_lazily(self.migration.id, Command::Renew { epoch, moving })
    }

    /// Records that writes to the source are about to be stopped. Call it before stopping them:
    /// whoever goes on after a crash then knows to let them go on.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn fence(&self) -> Result<Migration, TransitionError> {
        self.transit(Command::Fence { epoch: self.epoch })
    }

    /// Records that writes to the source go on. Call it after letting them.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn unfence(&self) -> Result<Migration, TransitionError> {
        self.transit(Command::Unfence { epoch: self.epoch })
    }

    /// The copy is there: the comparison starts.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn begin_verification(&self) -> Result<Migration, TransitionError> {
        self.transit(Command::BeginVerification { by: self.by() })
    }

    /// Hands in what the comparison found.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn submit_evidence(
        &self,
        algorithm: Algorithm,
        source: Side,
        destination: Side,
    ) -> Result<Migration, TransitionError> {
        self.transit(Command::SubmitEvidence {
            by: self.by(),
            algorithm,
            source,
            destination,
        })
    }

    /// The cutover. See [`MigrationTracker::complete_migration`].
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn complete(&self) -> Result<Migration, TransitionError> {
        let (by, waived) = (self.by(), None);
        self.transit(Command::Complete { by, waived })
    }

    /// The attempt did not succeed. It is tried again after a wait, or the migration fails: when
    /// trying again cannot help, or was done `attempts_max` times.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn fail_attempt(
        &self,
        class: FailureClass,
        reason: impl Into<Reason>,
        from_scratch: bool,
    ) -> Result<Migration, TransitionError> {
        self.transit(Command::FailAttempt {
            epoch: self.epoch,
            class,
            reason: reason.into(),
            from_scratch,
        })
    }

    /// Lets go without having failed: another attempt goes on from the checkpoint.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing changed.
    pub fn release(&self) -> Result<Migration, TransitionError> {
        self.transit(Command::Release { epoch: self.epoch })
    }
}
