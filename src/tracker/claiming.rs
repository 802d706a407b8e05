//! Claiming: this migration, or whichever is next.

use std::collections::HashSet;

use super::apply::{apply, settings};
use super::obstacle::{Claimant, admit};
use super::told::Told;
use super::{Claim, ClaimError, MigrationTracker, TransitionError};
use crate::machine::{self, Command, CommandName, StepError, Turn};
use crate::schema::key::{Key as _, SlotScope};
use crate::schema::table::TableId;
use crate::schema::text::ExecutorName;
use crate::schema::v1::{Actor, Migration, PauseScope, Settings};
use crate::schema::{MigrationId, TimestampMs, table};
use crate::store::{Procedure, StoreError, Tx, active, get};

impl MigrationTracker {
    /// Claims a migration: a new attempt with a higher epoch, which fences off every earlier one.
    /// The limits and pauses of the file are checked in the same transaction, so that they also
    /// hold in the first instant after a restart. The lease is that of the settings.
    ///
    /// # Errors
    /// [`ClaimError`] says what it waits for; nothing changed.
    pub fn claim(&self, id: MigrationId, executor: &ExecutorName) -> Result<Claim<'_>, ClaimError> {
        let procedure = ClaimOne {
            id,
            by: self.claimant(executor),
        };
        let told = Told::of(id, CommandName::Claim);
        let migration = told.doing(|| self.write(procedure));
        if migration.as_ref().is_err_and(ClaimError::gives_up_slot) {
            self.free_dead_slot(id)?;
        }
        Ok(Claim::of(self, migration?))
    }

    /// Claims whichever migration is next and can be claimed: what was interrupted, then by priority
    /// and age ([`Turn`]), passing over those that a limit, a pause, a wait or another executor holds
    /// back. One transaction looks, checks and claims. `None`: there is none now.
    ///
    /// Costs what is under way, not what ever was.
    ///
    /// ```
    /// use shardferry::schema::text::ExecutorName;
    /// use shardferry::{MigrationTracker, NodeId, Settings, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// tracker.set_settings(&Settings { in_flight_per_source_max: Some(1), ..Settings::default() })?;
    /// for (shard, from) in [(1, 1), (2, 1), (3, 2)] {
    ///     tracker.begin_migration(ShardId(shard), NodeId(from), NodeId(9))?;
    /// }
    ///
    /// let worker = ExecutorName::new("worker")?;
    /// let mut next = || tracker.claim_next(&worker).map(|claim| claim.map(|it| it.migration().shard));
    /// assert_eq!(next()?, Some(ShardId(1)));
    /// assert_eq!(next()?, Some(ShardId(3))); // the source of 2 is busy
    /// assert_eq!(next()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] when the file fails; nothing was claimed. A row that cannot be read keeps its
    /// own shard waiting and no other.
    pub fn claim_next(&self, executor: &ExecutorName) -> Result<Option<Claim<'_>>, StoreError> {
        Ok(match self.claim_next_but(executor, &[])? {
            Next::Claimed(claim) => Some(*claim),
            Next::Nothing { .. } => None,
        })
    }

    /// As [`Self::claim_next`], passing over what the executor has in hand itself.
    pub(crate) fn claim_next_but(
        &self,
        executor: &ExecutorName,
        in_hand: &[MigrationId],
    ) -> Result<Next<'_>, StoreError> {
        let procedure = ClaimNext {
            by: self.claimant(executor),
            in_hand: in_hand.iter().copied().collect(),
        };
        Ok(match self.write(procedure) {
            Ok(Looked::Claimed(migration)) => {
                let told = Told::of(migration.id, CommandName::Claim);
                let told: Result<_, StoreError> = told.doing(|| Ok(*migration));
                Next::Claimed(Box::new(Claim::of(self, told?)))
            }
            Ok(Looked::Freed { waits_until }) | Err(NoClaim::None { waits_until }) => {
                Next::Nothing { waits_until }
            }
            Err(NoClaim::Store(error)) => return Err(error),
        })
    }

    pub(super) fn claimant(&self, executor: &ExecutorName) -> Claimant {
        Claimant {
            executor: executor.clone(),
            session: self.session,
            now: self.now(),
        }
    }

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

/// What there is to do next.
pub(crate) enum Next<'t> {
    /// This.
    Claimed(Box<Claim<'t>>),
    /// Nothing now. Something can be claimed from this instant on, if nothing else holds it back.
    Nothing { waits_until: Option<TimestampMs> },
}

#[derive(Debug)]
pub(super) struct ClaimOne {
    pub(super) id: MigrationId,
    pub(super) by: Claimant,
}

impl Procedure for ClaimOne {
    type Output = Migration;
    type Error = ClaimError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Migration, ClaimError> {
        let settings = settings(tx)?;
        let before =
            get(tx, table::MIGRATIONS, &self.id)?.ok_or(ClaimError::NotFound { id: self.id })?;
        try_claim(tx, &before, &settings, &self.by)
    }
}

/// Claims `before`, or says what it waits for; then nothing was written.
fn try_claim(
    tx: &mut dyn Tx,
    before: &Migration,
    settings: &Settings,
    by: &Claimant,
) -> Result<Migration, ClaimError> {
    if !before.epoch.next().is_reachable() {
        // A further claim would have the same epoch, and could not fence off this one.
        let (key, rule) = (before.id.to_bytes(), "its epoch has no next");
        return Err(StoreError::inconsistent(TableId::Migrations, &key, rule).into());
    }
    let transition = machine::step(before, &by.command(), settings, by.now)?;
    admit(tx, before, settings)?;
    let actor = Actor::Executor(by.executor.clone());
    apply(tx, Some(before), &transition, actor, settings, by.now)?;
    Ok(transition.next)
}

#[derive(Debug)]
pub(super) struct ClaimNext {
    pub(super) by: Claimant,
    /// Not these.
    pub(super) in_hand: HashSet<MigrationId>,
}

/// What a look for the next migration changed.
#[derive(Debug)]
pub(super) enum Looked {
    /// This one was claimed.
    Claimed(Box<Migration>),
    /// None was, but slots of executors that are gone are free.
    Freed { waits_until: Option<TimestampMs> },
}

/// Why a look for the next migration changed nothing.
#[derive(Debug)]
pub(super) enum NoClaim {
    /// None can be claimed.
    None { waits_until: Option<TimestampMs> },
    /// The file.
    Store(StoreError),
}

impl From<StoreError> for NoClaim {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Procedure for ClaimNext {
    type Output = Looked;
    type Error = NoClaim;

    fn run(&self, tx: &mut dyn Tx) -> Result<Looked, NoClaim> {
        let settings = settings(tx)?;
        let first = self.look(tx, &settings)?;
        let Found::Nothing { freed: true, .. } = first else {
            return first.into_answer(false);
        };
        // Those before it in the line waited for a slot that is free now. All that can be freed is:
        // nothing comes of a third look.
        self.look(tx, &settings)?.into_answer(true)
    }
}

/// What one look along the line came to.
enum Found {
    Claimed(Box<Migration>),
    Nothing {
        waits_until: Option<TimestampMs>,
        freed: bool,
    },
}

impl Found {
    fn into_answer(self, freed: bool) -> Result<Looked, NoClaim> {
        match self {
            Self::Claimed(migration) => Ok(Looked::Claimed(migration)),
            Self::Nothing { waits_until, .. } if freed => Ok(Looked::Freed { waits_until }),
            Self::Nothing { waits_until, .. } => Err(NoClaim::None { waits_until }),
        }
    }
}

impl ClaimNext {
    fn look(&self, tx: &mut dyn Tx, settings: &Settings) -> Result<Found, StoreError> {
        // Rows that cannot be read are passed over: `check` and every look at them names them.
        let mut waiting = active(tx, &mut Vec::new())?;
        waiting.sort_by_cached_key(|migration| Turn::of(migration, settings));
        let mut full: HashSet<SlotScope> = HashSet::new();
        let (mut waits_until, mut freed, mut all_paused) = (None, false, false);
        for migration in &waiting {
            let mut slots = super::apply::slots_of(migration).into_iter();
            let passed_over = (all_paused && migration.fenced_at_ms.is_none())
                || slots.any(|scope| full.contains(&scope));
            if self.in_hand.contains(&migration.id) || (passed_over && !migration.holds_slot()) {
                continue;
            }
            let refused = match try_claim(tx, migration, settings, &self.by) {
                Ok(claimed) => return Ok(Found::Claimed(Box::new(claimed))),
                Err(refused) => refused,
            };
            if refused.gives_up_slot() && self.free(tx, migration, settings)? {
                freed = true;
                full.clear();
            }
            match refused {
                ClaimError::Limit { scope, .. } => {
                    full.insert(scope);
                }
                ClaimError::Refused(StepError::BackingOff { until_ms, .. }) => {
                    waits_until =
                        Some(waits_until.map_or(until_ms, |at: TimestampMs| at.min(until_ms)));
                }
                ClaimError::Paused {
                    scope: PauseScope::Everything,
                    ..
                } => all_paused = true,
                ClaimError::Store(error) if !error.is_about_one_row() => return Err(error),
                ClaimError::Store(_)
                | ClaimError::NotFound { .. }
                | ClaimError::Refused(_)
                | ClaimError::Paused { .. }
                | ClaimError::NodeDown { .. }
                | ClaimError::NotActivated { .. } => {}
            }
        }
        Ok(Found::Nothing { waits_until, freed })
    }
}

impl ClaimNext {
    /// Frees the slot of `migration` if its executor is gone. Whether it did.
    fn free(
        &self,
        tx: &mut dyn Tx,
        migration: &Migration,
        settings: &Settings,
    ) -> Result<bool, StoreError> {
        let Some(attempt) = &migration.attempt else {
            return Ok(false);
        };
        let is_alive = attempt.session == self.by.session && self.by.now < attempt.lease_until_ms;
        if is_alive {
            return Ok(false);
        }
        let release = Command::Release {
            epoch: attempt.epoch,
        };
        let Ok(transition) = machine::step(migration, &release, settings, self.by.now) else {
            return Ok(false);
        };
        let actor = Actor::Executor(attempt.executor.clone());
        apply(
            tx,
            Some(migration),
            &transition,
            actor,
            settings,
            self.by.now,
        )?;
        Ok(true)
    }
}
