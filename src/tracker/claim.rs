use super::apply::{apply, in_flight, settings, slots_of};
use super::transition::Told;
use super::{MigrationTracker, TransitionError};
use crate::machine::{self, By, Command, Report, StepError};
use crate::schema::key::{Key as _, SlotScope};
use crate::schema::table::TableId;
use crate::schema::text::{Algorithm, Checkpoint, ExecutorName, Reason};
use crate::schema::v1::{Actor, FailureClass, Migration, NodeState, PauseScope, Settings, Side};
use crate::schema::{Epoch, MigrationId, NodeId, SessionId, TimestampMs, table};
use crate::store::{Procedure, StoreError, Tx, get};

/// Why a migration was not claimed. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such migration.
    #[error("there is no migration {id}")]
    NotFound {
        /// The id that was asked for.
        id: MigrationId,
    },
    /// The state machine refuses: it has ended, is held, waits, or is being cancelled.
    #[error(transparent)]
    Refused(#[from] StepError),
    /// As many are under way as the settings allow.
    #[error("migration {id} waits: {in_flight} of at most {limit} are under way ({scope:?})")]
    Limit {
        /// The migration.
        id: MigrationId,
        /// What is limited.
        scope: SlotScope,
        /// How many are under way.
        in_flight: u64,
        /// How many may be.
        limit: u32,
    },
    /// It is paused.
    #[error("migration {id} is paused ({scope:?}): {reason}")]
    Paused {
        /// The migration.
        id: MigrationId,
        /// What is paused.
        scope: PauseScope,
        /// Why.
        reason: Reason,
    },
    /// A registered node cannot be reached.
    #[error("migration {id} waits: node {node} is down")]
    NodeDown {
        /// The migration.
        id: MigrationId,
        /// The node.
        node: NodeId,
    },
    /// An earlier migration of the shard was cut over, but its destination, the source of this one,
    /// does not serve its copy yet.
    #[error(
        "migration {id} waits: node {node} does not yet serve what migration {earlier} brought"
    )]
    NotActivated {
        /// The migration.
        id: MigrationId,
        /// The node that is to serve.
        node: NodeId,
        /// The migration whose copy it is.
        earlier: MigrationId,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Claims a migration: a new attempt with a higher epoch, which fences off every earlier one.
    /// The limits and pauses of the file are checked in the same transaction, so that they also
    /// hold in the first instant after a restart.
    ///
    /// # Errors
    /// [`ClaimError`] says what it waits for; nothing changed.
    pub fn claim(&self, id: MigrationId, executor: &ExecutorName) -> Result<Claim<'_>, ClaimError> {
        let procedure = ClaimOne {
            id,
            executor: executor.clone(),
            session: self.session,
            now: self.now(),
        };
        let told = Told::of(id, machine::CommandName::Claim);
        let migration = told.doing(|| self.write(&procedure));
        if let Err(
            ClaimError::Paused { .. }
            | ClaimError::NodeDown { .. }
            | ClaimError::NotActivated { .. },
        ) = &migration
        {
            self.free_dead_slot(id)?;
        }
        let migration = migration?;
        Ok(Claim {
            tracker: self,
            epoch: migration.epoch,
            migration,
        })
    }
}

impl MigrationTracker {
    /// A migration that waits holds no slot: one whose executor is gone would keep others waiting
    /// with it.
    fn free_dead_slot(&self, id: MigrationId) -> Result<(), StoreError> {
        let migration = self.get_migration(id)?;
        let Some(attempt) = migration.and_then(|migration| migration.attempt) else {
            return Ok(());
        };
        if attempt.session == self.session && self.now() < attempt.lease_until_ms {
            return Ok(());
        }
        let epoch = attempt.epoch;
        match self.transit(id, Command::Release { epoch }) {
            Err(TransitionError::Store(error)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

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

impl Claim<'_> {
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
    /// [`TransitionError`]; on [`StepError::Fenced`], [`StepError::Cancelling`] and
    /// [`StepError::Ended`] the work has to stop.
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

    /// A sign of life: renews the lease.
    ///
    /// # Errors
    /// As for [`Self::report`].
    pub fn renew(&self) -> Result<Migration, TransitionError> {
        let epoch = self.epoch;
        self.tracker
            .transit_lazily(self.migration.id, Command::Renew { epoch })
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
        self.transit(Command::Complete { by: self.by() })
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

#[derive(Debug)]
pub(super) struct ClaimOne {
    pub(super) id: MigrationId,
    pub(super) executor: ExecutorName,
    pub(super) session: SessionId,
    pub(super) now: TimestampMs,
}

impl Procedure for ClaimOne {
    type Output = Migration;
    type Error = ClaimError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Migration, ClaimError> {
        let settings = settings(tx)?;
        let before =
            get(tx, table::MIGRATIONS, &self.id)?.ok_or(ClaimError::NotFound { id: self.id })?;
        if !before.epoch.next().is_reachable() {
            // A further claim would have the same epoch, and could not fence off this one.
            let (key, rule) = (self.id.to_bytes(), "its epoch has no next");
            return Err(StoreError::inconsistent(TableId::Migrations, &key, rule).into());
        }
        let command = Command::Claim {
            executor: self.executor.clone(),
            session: self.session,
        };
        let transition = machine::step(&before, &command, &settings, self.now)?;
        check_pauses(tx, &before)?;
        check_nodes(tx, &before)?;
        check_activated(tx, &before)?;
        if !before.holds_slot() {
            check_limits(tx, &before, &settings)?;
        }
        let actor = Actor::Executor(self.executor.clone());
        apply(tx, Some(&before), &transition, actor, &settings, self.now)?;
        Ok(transition.next)
    }
}

fn check_pauses(tx: &mut dyn Tx, migration: &Migration) -> Result<(), ClaimError> {
    let scopes = [
        PauseScope::Everything,
        PauseScope::Node(migration.from),
        PauseScope::Node(migration.to),
        PauseScope::Migration(migration.id),
    ];
    for scope in scopes {
        if let Some(pause) = get(tx, table::PAUSES, &scope)? {
            return Err(ClaimError::Paused {
                id: migration.id,
                scope,
                reason: pause.reason,
            });
        }
    }
    Ok(())
}

fn check_nodes(tx: &mut dyn Tx, migration: &Migration) -> Result<(), ClaimError> {
    for node in [migration.from, migration.to] {
        let down = get(tx, table::NODES, &node)?.is_some_and(|node| node.state == NodeState::Down);
        if down {
            return Err(ClaimError::NodeDown {
                id: migration.id,
                node,
            });
        }
    }
    Ok(())
}

/// The copy that an earlier migration brought must be the shard before it is copied on.
fn check_activated(tx: &mut dyn Tx, migration: &Migration) -> Result<(), ClaimError> {
    let Some(last) = get(tx, table::LAST_MOVES, &migration.shard)? else {
        return Ok(());
    };
    match get(tx, table::CLEANUPS, &(last.from, migration.shard))? {
        Some(cleanup) if cleanup.migration == last.migration && !cleanup.activated => {
            Err(ClaimError::NotActivated {
                id: migration.id,
                node: last.to,
                earlier: last.migration,
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// One more must fit. A migration that holds a slot already (its executor is gone) is not counted
/// twice: that is what keeps the limits right after a restart.
fn check_limits(
    tx: &mut dyn Tx,
    migration: &Migration,
    settings: &Settings,
) -> Result<(), ClaimError> {
    for scope in slots_of(migration) {
        let limit = match scope {
            SlotScope::Total => settings.in_flight_max,
            SlotScope::Source(_) => settings.in_flight_per_source_max,
            SlotScope::Destination(_) => settings.in_flight_per_destination_max,
        };
        let Some(limit) = limit else { continue };
        let in_flight = in_flight(tx, scope)?;
        if in_flight >= u64::from(limit) {
            return Err(ClaimError::Limit {
                id: migration.id,
                scope,
                in_flight,
                limit,
            });
        }
    }
    Ok(())
}
