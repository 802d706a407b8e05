//! One command on one migration, as a procedure.

use super::TransitionError;
use super::apply::{apply, settings};
use super::log::{About, append};
use super::obstacle::pause_of;
use crate::machine::{self, By, Command, StepError};
use crate::schema::text::{ExecutorName, Reason};
use crate::schema::v1::{Actor, EventKind, Migration, NodeState};
use crate::schema::{MigrationId, TimestampMs, table};
use crate::store::{Procedure, StoreError, Tx, get, put};

/// A command on a migration.
#[derive(Debug)]
pub(super) struct Transit {
    pub(super) id: MigrationId,
    pub(super) command: Command,
    pub(super) now: TimestampMs,
}

/// What a command came to, and what is to be written of it.
#[derive(Debug)]
pub(super) enum Judged {
    /// It was done.
    Done(Box<Transited>),
    /// It was refused, and the log says so.
    Refused(StepError),
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Transited {
    pub(super) next: Migration,
    /// Whether the log says so.
    pub(super) logged: bool,
}

impl Procedure for Transit {
    type Output = Judged;
    type Error = TransitionError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Judged, TransitionError> {
        let settings = settings(tx)?;
        let before = get(tx, table::MIGRATIONS, &self.id)?
            .ok_or(TransitionError::NotFound { id: self.id })?;
        let transition = match machine::step(&before, &self.command, &settings, self.now) {
            Ok(transition) => transition,
            Err(refusal) => {
                return match note_late_report(tx, &before, &refusal, self.now)? {
                    true => Ok(Judged::Refused(refusal)),
                    false => Err(refusal.into()),
                };
            }
        };
        if pause_stops(&self.command) && before.fenced_at_ms.is_none() {
            check_pause(tx, &before)?;
        }
        if transition.flip.is_some() {
            check_cutover(tx, &before)?;
        }
        let actor = actor(&self.command, &before);
        apply(tx, Some(&before), &transition, actor, &settings, self.now)?;
        Ok(Judged::Done(Box::new(Transited {
            logged: !transition.events.is_empty(),
            next: transition.next,
        })))
    }
}

/// A report of an attempt that is over is refused and changes nothing of the migration; the log tells
/// of the first of each attempt. Whether it does.
fn note_late_report(
    tx: &mut dyn Tx,
    before: &Migration,
    refusal: &StepError,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    let StepError::Fenced { current, got, .. } = *refusal else {
        return Ok(false);
    };
    if got >= current || got <= before.refused_epoch {
        return Ok(false);
    }
    let next = Migration {
        refused_epoch: got,
        ..before.clone()
    };
    put(tx, table::MIGRATIONS, &next.id, &next)?;
    let (about, kind) = (About::migration(&next), EventKind::ReportFenced { got });
    let cause = Reason::from(refusal.to_string());
    append(tx, about, kind, Actor::System, &cause, now)?;
    Ok(true)
}

/// Whether an executor that says this is told of a pause. Not once writes are stopped: what is left is
/// short, and pausing it would keep them stopped.
fn pause_stops(command: &Command) -> bool {
    match command {
        Command::Progress {
            by: By::Attempt(_), ..
        }
        | Command::Fence { .. } => true,
        Command::Progress { by: By::Caller, .. }
        | Command::Start { .. }
        | Command::Claim { .. }
        | Command::Renew { .. }
        | Command::Unfence { .. }
        | Command::BeginVerification { .. }
        | Command::SubmitEvidence { .. }
        | Command::Complete { .. }
        | Command::Fail { .. }
        | Command::FailAttempt { .. }
        | Command::Release { .. }
        | Command::Cancel { .. }
        | Command::Retry { .. } => false,
    }
}

fn check_pause(tx: &mut dyn Tx, migration: &Migration) -> Result<(), TransitionError> {
    match pause_of(tx, migration)? {
        None => Ok(()),
        Some((scope, since_ms, reason)) => Err(TransitionError::Paused {
            id: migration.id,
            scope,
            since_ms,
            reason,
        }),
    }
}

/// What held when a registered shard's migration began must hold when it is cut over.
fn check_cutover(tx: &mut dyn Tx, migration: &Migration) -> Result<(), TransitionError> {
    let Some(shard) = get(tx, table::SHARDS, &migration.shard)? else {
        return Ok(());
    };
    let Migration { id, from, to, .. } = *migration;
    if shard.owner != from {
        return Err(TransitionError::NotOwner {
            id,
            shard: shard.id,
            from,
            owner: shard.owner,
        });
    }
    match get(tx, table::NODES, &to)? {
        None => Err(TransitionError::UnknownNode { id, node: to }),
        Some(node) if node.state != NodeState::Active => Err(TransitionError::NotAccepting {
            id,
            node: to,
            state: node.state,
        }),
        Some(_) => Ok(()),
    }
}

/// Who gives `command`, for the log.
fn actor(command: &Command, before: &Migration) -> Actor {
    let holder = || {
        let executor = before.attempt.as_ref().map(|attempt| &attempt.executor);
        executor.map_or(Actor::Caller, |name: &ExecutorName| {
            Actor::Executor(name.clone())
        })
    };
    match command {
        Command::Claim { executor, .. } => Actor::Executor(executor.clone()),
        Command::Renew { .. }
        | Command::Fence { .. }
        | Command::Unfence { .. }
        | Command::FailAttempt { .. }
        | Command::Release { .. } => holder(),
        Command::Start { by }
        | Command::Progress { by, .. }
        | Command::BeginVerification { by }
        | Command::SubmitEvidence { by, .. }
        | Command::Complete { by, .. }
        | Command::Fail { by, .. } => match by {
            By::Caller => Actor::Caller,
            By::Attempt(_) => holder(),
        },
        Command::Cancel { .. } | Command::Retry { .. } => Actor::Caller,
    }
}
