use crate::schema::v1::{Settings, Verification};

/// How large a world is, and what happens in it.
#[derive(Clone, Debug)]
pub(super) struct Size {
    /// Registered shards, all on node 1 at first.
    pub(super) shards: u64,
    /// Registered nodes.
    pub(super) nodes: u64,
    /// Executors; each has at most one claim in hand.
    pub(super) executors: usize,
    /// Whether matching evidence is demanded.
    pub(super) verification: Verification,
    /// Migrations that executors may drive at once.
    pub(super) in_flight_max: Option<u32>,
    /// Migrations to one node that executors may drive at once.
    pub(super) in_flight_per_destination_max: Option<u32>,
    /// Ended migrations that are kept.
    pub(super) retention_count_max: Option<u64>,
    /// Whether nodes are drained, go down and come back.
    pub(super) node_states: bool,
    /// Whether shards leave the registry and come back.
    pub(super) registry: bool,
    /// Whether begins are repeated under one request key.
    pub(super) request_key: bool,
    /// Whether operators pause everything, try again, go back and release from quarantine, and executors
    /// claim whatever is next. Of one shard only: what is next depends on ids.
    pub(super) operators: bool,
    /// Whether operators pause nodes and single migrations.
    pub(super) pauses: bool,
    /// Migrations that each shard has at most. `None`: one after the other, for ever.
    pub(super) migrations_max: Option<u64>,
    /// How much is told apart.
    pub(super) detail: Detail,
}

/// How much a world tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Every command with every argument that makes a difference.
    Full,
    /// Every command with the arguments that make fewest states: copies have no bytes, evidence
    /// matches, attempts fail for good and are tried again at once where they may not, and callers
    /// drive no copy to its end.
    Commands,
    /// As `Commands`; and nobody tells apart whether a copy was verified, because evidence always
    /// matches and is not demanded, nor where a shard is that begins no further migration.
    Limits,
}

impl Size {
    /// One shard, two nodes, one executor: everything that can happen to a single migration.
    pub(super) fn smallest() -> Self {
        Self {
            shards: 1,
            nodes: 2,
            executors: 1,
            verification: Verification::Optional,
            in_flight_max: None,
            in_flight_per_destination_max: None,
            retention_count_max: None,
            node_states: false,
            registry: false,
            request_key: false,
            operators: false,
            pauses: false,
            migrations_max: None,
            detail: Detail::Full,
        }
    }

    /// Failed attempts after which a retriable failure is the last.
    pub(super) const ATTEMPTS_MAX: u32 = 2;

    /// Whether a shard that had `begun` migrations begins no further one.
    pub(super) fn is_spent(&self, begun: u64) -> bool {
        self.migrations_max.is_some_and(|max| max <= begun)
    }

    pub(super) fn settings(&self) -> Settings {
        // What counts is that a wait is not over until time passes.
        let backoff_ms = match self.detail {
            Detail::Full => 10,
            Detail::Commands | Detail::Limits => 0,
        };
        Settings {
            verification: self.verification,
            in_flight_max: self.in_flight_max,
            in_flight_per_destination_max: self.in_flight_per_destination_max,
            retention_count_max: self.retention_count_max,
            attempts_max: Self::ATTEMPTS_MAX,
            backoff_ms_min: backoff_ms,
            backoff_ms_max: backoff_ms,
            lease_ms: 10,
            ..Settings::default()
        }
    }
}
