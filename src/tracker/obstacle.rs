//! What keeps a migration from being claimed.

use super::apply::{in_flight, slots_of};
use crate::machine::{self, Command, StepError};
use crate::schema::key::SlotScope;
use crate::schema::text::{ExecutorName, Reason};
use crate::schema::v1::{Migration, NodeState, PauseScope, Settings};
use crate::schema::{MigrationId, NodeId, SessionId, TimestampMs, table};
use crate::store::{ReadRows, StoreError, get};

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
    #[error("migration {id} is paused since {since_ms} ms ({scope:?}): {reason}")]
    Paused {
        /// The migration.
        id: MigrationId,
        /// What is paused.
        scope: PauseScope,
        /// Since when.
        since_ms: TimestampMs,
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

impl ClaimError {
    /// Whether the migration waits for something that its executor, if there is one, does not bring
    /// about: one whose executor is gone then gives its slot to another.
    pub(super) fn gives_up_slot(&self) -> bool {
        match self {
            Self::Paused { .. } | Self::NodeDown { .. } | Self::NotActivated { .. } => true,
            // The row of one migration that cannot be read keeps no other waiting.
            Self::Store(error) => error.is_unreadable_row(),
            Self::NotFound { .. } | Self::Refused(_) | Self::Limit { .. } => false,
        }
    }
}

/// Who asks for a claim, and when.
#[derive(Clone, Debug)]
pub(super) struct Claimant {
    pub(super) executor: ExecutorName,
    pub(super) session: SessionId,
    pub(super) now: TimestampMs,
}

impl Claimant {
    pub(super) fn command(&self) -> Command {
        Command::Claim {
            executor: self.executor.clone(),
            session: self.session,
        }
    }
}

/// The rules beyond the state machine, in the order in which they are asked.
const RULES: [Rule; 4] = [check_pause, check_nodes, check_activated, check_limits];

type Rule = fn(&mut dyn ReadRows, &Migration, &Settings) -> Result<(), ClaimError>;

/// Everything that keeps `migration` from being claimed now. An error of the file is one.
pub(super) fn obstacles(
    rows: &mut dyn ReadRows,
    migration: &Migration,
    settings: &Settings,
    (session, now): (SessionId, TimestampMs),
) -> Vec<ClaimError> {
    let refused = machine::claimable(migration, session, now).err();
    let refused = refused.map(ClaimError::from);
    let rules = RULES.iter();
    let broken = rules.filter_map(|rule| rule(rows, migration, settings).err());
    refused.into_iter().chain(broken).collect()
}

/// The first thing beyond the state machine that keeps `migration` from being claimed now.
pub(super) fn admit(
    rows: &mut dyn ReadRows,
    migration: &Migration,
    settings: &Settings,
) -> Result<(), ClaimError> {
    RULES
        .iter()
        .try_for_each(|rule| rule(rows, migration, settings))
}

/// The pause that `migration` is under, if any.
pub(super) fn pause_of(
    rows: &mut (impl ReadRows + ?Sized),
    migration: &Migration,
) -> Result<Option<(PauseScope, TimestampMs, Reason)>, StoreError> {
    if rows.len(table::PAUSES.id())? == 0 && rows.len(table::SET_ASIDE.id())? == 0 {
        return Ok(None);
    }
    let scopes = [
        PauseScope::Everything,
        PauseScope::Node(migration.from),
        PauseScope::Node(migration.to),
        PauseScope::Migration(migration.id),
    ];
    for scope in scopes {
        if let Some(pause) = get(rows, table::PAUSES, &scope)? {
            return Ok(Some((scope, pause.at_ms, pause.reason)));
        }
    }
    Ok(None)
}

/// Not where writes may be stopped: whoever claims it lets them go on first. A pause would keep them
/// stopped for as long as it lasts.
fn check_pause(
    rows: &mut dyn ReadRows,
    migration: &Migration,
    _: &Settings,
) -> Result<(), ClaimError> {
    if migration.fenced_at_ms.is_some() {
        return Ok(());
    }
    match pause_of(rows, migration)? {
        None => Ok(()),
        Some((scope, since_ms, reason)) => Err(ClaimError::Paused {
            id: migration.id,
            scope,
            since_ms,
            reason,
        }),
    }
}

fn check_nodes(
    rows: &mut dyn ReadRows,
    migration: &Migration,
    _: &Settings,
) -> Result<(), ClaimError> {
    for node in [migration.from, migration.to] {
        let down =
            get(rows, table::NODES, &node)?.is_some_and(|node| node.state == NodeState::Down);
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
fn check_activated(
    rows: &mut dyn ReadRows,
    migration: &Migration,
    _: &Settings,
) -> Result<(), ClaimError> {
    let Some(last) = get(rows, table::LAST_MOVES, &migration.shard)? else {
        return Ok(());
    };
    match get(rows, table::CLEANUPS, &(last.from, migration.shard))? {
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
    rows: &mut dyn ReadRows,
    migration: &Migration,
    settings: &Settings,
) -> Result<(), ClaimError> {
    if migration.holds_slot() {
        return Ok(());
    }
    for scope in slots_of(migration) {
        let Some(limit) = limit_of(settings, scope) else {
            continue;
        };
        let in_flight = in_flight(rows, scope)?;
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

/// The limit of the settings for `scope`.
pub(super) fn limit_of(settings: &Settings, scope: SlotScope) -> Option<u32> {
    match scope {
        SlotScope::Total => settings.in_flight_max,
        SlotScope::Source(_) => settings.in_flight_per_source_max,
        SlotScope::Destination(_) => settings.in_flight_per_destination_max,
        SlotScope::Pair(..) => settings.in_flight_per_pair_max,
    }
}
