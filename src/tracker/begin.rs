use std::time::Instant;

use uuid::Uuid;

use super::MigrationTracker;
use super::beginning::{BeginAll, BeginOne};
use crate::machine::SameNode;
use crate::schema::text::{Reason, RequestKey};
use crate::schema::v1::{CleanupKind, NodeState, Trigger};
use crate::schema::{MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::StoreError;

/// Why a migration did not begin. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// A shard cannot be moved to where it is.
    #[error(transparent)]
    SameNode(#[from] SameNode),
    /// The shard has a migration under way.
    #[error("shard {shard} is migrating already: migration {migration}")]
    AlreadyMigrating {
        /// The shard.
        shard: ShardId,
        /// Its migration.
        migration: MigrationId,
    },
    /// The registered shard belongs to another node.
    #[error("shard {shard} belongs to node {owner}, not to {from}")]
    NotOwner {
        /// The shard.
        shard: ShardId,
        /// The source that was asked for.
        from: NodeId,
        /// The owner.
        owner: NodeId,
    },
    /// A node of a registered shard's migration is not registered.
    #[error("shard {shard} is registered, but node {node} is not; register it first")]
    UnknownNode {
        /// The shard.
        shard: ShardId,
        /// The node.
        node: NodeId,
    },
    /// The destination does not accept shards, or the source cannot be reached.
    #[error("shard {shard}: node {node} is {state:?} and cannot take part as {part}")]
    NodeState {
        /// The shard.
        shard: ShardId,
        /// The node.
        node: NodeId,
        /// Its state.
        state: NodeState,
        /// `source` or `destination`.
        part: &'static str,
    },
    /// The destination has a further copy of the shard.
    #[error("shard {shard}: node {node} has a replica of it already")]
    HasReplica {
        /// The shard.
        shard: ShardId,
        /// The destination.
        node: NodeId,
    },
    /// The shard must stay, or must not go there.
    #[error("shard {shard} must not be moved to node {node}: {rule}")]
    Forbidden {
        /// The shard.
        shard: ShardId,
        /// The destination.
        node: NodeId,
        /// The rule of the shard.
        rule: &'static str,
    },
    /// An earlier copy of the shard is still on the destination; or the source is itself a copy
    /// that has to go.
    #[error(
        "shard {shard}: node {node} still has a copy that migration {migration} left \
         ({kind}); settle that cleanup first"
    )]
    CleanupOpen {
        /// The shard.
        shard: ShardId,
        /// The destination.
        node: NodeId,
        /// The migration that left the copy.
        migration: MigrationId,
        /// Why the copy has to go.
        kind: CleanupKind,
    },
    /// The shard is set aside.
    #[error("shard {shard} is in quarantine since {since_ms} ms, after migration {migration}")]
    Quarantined {
        /// The shard.
        shard: ShardId,
        /// Since when.
        since_ms: TimestampMs,
        /// The migration that failed.
        migration: MigrationId,
    },
    /// The file system of the file is almost full: what is free is kept for what is under way.
    #[error(
        "shard {shard}: {free_bytes} bytes are free on the file system of the database, and \
         {free_bytes_min} are kept free for what is under way; make room, or lower free_bytes_min"
    )]
    LowSpace {
        /// The shard.
        shard: ShardId,
        /// What is free.
        free_bytes: u64,
        /// The reserve.
        free_bytes_min: u64,
    },
    /// The registered shard is another than the caller knows: it has moved meanwhile.
    #[error(
        "shard {shard} is at version {}, and version {expected} was expected; look again",
        current.map_or("none (it is not registered)".to_owned(), |version| version.to_string())
    )]
    VersionChanged {
        /// The shard.
        shard: ShardId,
        /// What the caller expected.
        expected: u64,
        /// What it is. `None`: it is not registered.
        current: Option<u64>,
    },
    /// The request key was used for something else.
    #[error(
        "request {key} was made before for shard {shard} from node {from} to {to} \
         (migration {migration}); another request needs another key"
    )]
    RequestConflict {
        /// The key.
        key: RequestKey,
        /// The migration that the key began.
        migration: MigrationId,
        /// Its shard.
        shard: ShardId,
        /// Its source.
        from: NodeId,
        /// Its destination.
        to: NodeId,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a plan did not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginPlanError {
    /// A move was refused, so none began.
    #[error("move {at} of the plan cannot begin, so none did")]
    Move {
        /// The position of the first move that was refused, from 0.
        at: usize,
        /// Why.
        source: BeginError,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginRequest {
    /// The shard that moves.
    pub shard: ShardId,
    /// The node that owns it.
    pub from: NodeId,
    /// The node that is to own it.
    pub to: NodeId,
    /// Higher goes first.
    pub priority: i32,
    /// What begins it.
    pub trigger: Trigger,
    /// Why.
    pub reason: Reason,
    /// The caller's name for the request: repeating it gives the same migration.
    pub request: Option<RequestKey>,
    /// The version of the registered shard ([`Shard::version`](crate::Shard)) that the caller decided
    /// by: with another, nothing begins. `None`: any.
    pub expected_version: Option<u64>,
}

impl BeginRequest {
    /// A migration by hand, of normal priority.
    #[must_use]
    pub fn new(shard: ShardId, from: NodeId, to: NodeId) -> Self {
        Self {
            shard,
            from,
            to,
            priority: 0,
            trigger: Trigger::Manual,
            reason: Reason::default(),
            request: None,
            expected_version: None,
        }
    }
}

impl MigrationTracker {
    /// Begins to move a shard. It is pending until somebody starts or claims it.
    ///
    /// If the shard is registered, `from` must own it and `to` must be a registered node that
    /// accepts shards; else the caller keeps the shard map, and nothing of that is checked.
    ///
    /// # Errors
    /// [`BeginError`]; nothing changed.
    pub fn begin_migration(
        &self,
        shard: ShardId,
        from: NodeId,
        to: NodeId,
    ) -> Result<MigrationId, BeginError> {
        self.begin(&BeginRequest::new(shard, from, to))
    }

    /// As [`Self::begin_migration`], with priority, reason and request key. The same request key
    /// gives the same migration, also after a restart, as long as the migration is kept.
    ///
    /// # Errors
    /// [`BeginError`]; nothing changed.
    pub fn begin(&self, request: &BeginRequest) -> Result<MigrationId, BeginError> {
        let started = Instant::now();
        let begin = BeginOne {
            id: MigrationId(Uuid::now_v7()),
            request: request.clone(),
            reverse_of: None,
            free_bytes: self.free_bytes_if_limited(),
            now: self.now(),
        };
        let id = self.write(begin)?;
        trace_begin(id, request, started);
        Ok(id)
    }

    /// Begins every migration of a plan in one transaction, or none.
    ///
    /// # Errors
    /// [`BeginPlanError`] names the first that was refused; nothing changed.
    pub fn begin_plan(
        &self,
        requests: &[BeginRequest],
    ) -> Result<Vec<MigrationId>, BeginPlanError> {
        let started = Instant::now();
        let now = self.now();
        let free_bytes = self.free_bytes_if_limited();
        let plan = BeginAll {
            each: requests
                .iter()
                .map(|request| BeginOne {
                    id: MigrationId(Uuid::now_v7()),
                    request: request.clone(),
                    reverse_of: None,
                    free_bytes,
                    now,
                })
                .collect(),
        };
        let ids = self.write_alone(&plan)?;
        for (id, request) in ids.iter().zip(requests) {
            trace_begin(*id, request, started);
        }
        Ok(ids)
    }
}

fn trace_begin(id: MigrationId, request: &BeginRequest, started: Instant) {
    let BeginRequest {
        shard, from, to, ..
    } = request;
    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let span = tracing::info_span!(
        "transition",
        %id,
        command = "begin",
        shard = shard.0,
        from = from.0,
        to = to.0,
        epoch = 0,
    );
    let _entered = span.enter();
    tracing::info!(status = "pending", took_us, "done");
}
