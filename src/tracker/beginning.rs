//! One migration begins, or those of a plan, as procedures.

use super::apply::{apply, settings};
use super::{BeginError, BeginPlanError, BeginRequest, admission};
use crate::machine::{self, Begin, SameNode};
use crate::schema::v1::{Actor, Request, Settings};
use crate::schema::{MigrationId, TimestampMs, table};
use crate::store::{Procedure, Tx, get, put};

#[derive(Debug)]
pub(super) struct BeginOne {
    pub(super) id: MigrationId,
    pub(super) request: BeginRequest,
    /// The migration whose way back this is.
    pub(super) reverse_of: Option<MigrationId>,
    /// What was free on the file system of the file. `None`: not asked, or not known.
    pub(super) free_bytes: Option<u64>,
    pub(super) now: TimestampMs,
}

impl Procedure for BeginOne {
    type Output = MigrationId;
    type Error = BeginError;

    fn run(&self, tx: &mut dyn Tx) -> Result<MigrationId, BeginError> {
        let settings = settings(tx)?;
        self.run_with(tx, &settings)
    }
}

pub(super) struct BeginAll {
    pub(super) each: Vec<BeginOne>,
}

impl Procedure for BeginAll {
    type Output = Vec<MigrationId>;
    type Error = BeginPlanError;

    fn run(&self, tx: &mut dyn Tx) -> Result<Vec<MigrationId>, BeginPlanError> {
        let settings = settings(tx)?;
        let run = |(at, one): (usize, &BeginOne)| {
            one.run_with(tx, &settings).map_err(|source| {
                match source {
                    // No rule of this move, nor a row that is about it: the file failed.
                    BeginError::Store(error) if !error.is_about_one_row() => {
                        BeginPlanError::Store(error)
                    }
                    source @ (BeginError::SameNode(_)
                    | BeginError::AlreadyMigrating { .. }
                    | BeginError::NotOwner { .. }
                    | BeginError::UnknownNode { .. }
                    | BeginError::NodeState { .. }
                    | BeginError::HasReplica { .. }
                    | BeginError::Forbidden { .. }
                    | BeginError::CleanupOpen { .. }
                    | BeginError::Quarantined { .. }
                    | BeginError::LowSpace { .. }
                    | BeginError::VersionChanged { .. }
                    | BeginError::RequestConflict { .. }
                    | BeginError::Store(_)) => BeginPlanError::Move { at, source },
                }
            })
        };
        self.each.iter().enumerate().map(run).collect()
    }
}

impl BeginOne {
    fn run_with(&self, tx: &mut dyn Tx, settings: &Settings) -> Result<MigrationId, BeginError> {
        if let Some(id) = self.repeated(tx)? {
            return Ok(id);
        }
        let BeginRequest {
            shard, from, to, ..
        } = self.request;
        if from == to {
            return Err(SameNode { shard, node: from }.into());
        }
        if let Some(active) = get(tx, table::ACTIVE_SHARDS, &shard)? {
            // Where its record cannot be read, nobody can end it: then that is the answer.
            get(tx, table::MIGRATIONS, &active.migration)?;
            return Err(BeginError::AlreadyMigrating {
                shard,
                migration: active.migration,
            });
        }
        let begin = Begin {
            shard_version: admission::check_registry(tx, &self.request)?,
            priority: self.request.priority,
            trigger: self.request.trigger,
            reason: self.request.reason.clone(),
            request: self.request.request.clone(),
            reverse_of: self.reverse_of,
            ..Begin::new(self.id, shard, from, to)
        };
        let transition = machine::begin(&begin, self.now)?;
        admission::check_leftovers(tx, &self.request)?;
        admission::check_space(shard, self.free_bytes, settings)?;
        let actor = Actor::Caller;
        apply(tx, None, &transition, actor, settings, self.now)?;
        if let Some(key) = &self.request.request {
            let row = Request {
                migration: self.id,
                shard,
                from,
                to,
            };
            put(tx, table::REQUESTS, key, &row)?;
        }
        Ok(self.id)
    }

    /// The migration that the same request began before.
    fn repeated(&self, tx: &mut dyn Tx) -> Result<Option<MigrationId>, BeginError> {
        let Some(key) = &self.request.request else {
            return Ok(None);
        };
        let Some(earlier) = get(tx, table::REQUESTS, key)? else {
            return Ok(None);
        };
        let BeginRequest {
            shard, from, to, ..
        } = self.request;
        if (earlier.shard, earlier.from, earlier.to) == (shard, from, to) {
            return Ok(Some(earlier.migration));
        }
        Err(BeginError::RequestConflict {
            key: key.clone(),
            migration: earlier.migration,
            shard: earlier.shard,
            from: earlier.from,
            to: earlier.to,
        })
    }
}
