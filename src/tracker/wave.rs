//! Begins a plan, wave by wave, as long as it is safe on the cluster as it is.

use std::fmt;

use super::{BeginError, BeginPlanError, BeginRequest, MigrationTracker};
use crate::planner::{Move, MoveReason, Obstacle, Plan, PlanError, Policy, obstacles};
use crate::schema::MigrationId;
use crate::schema::text::Reason;
use crate::schema::v1::Trigger;
use crate::store::StoreError;

/// Why a wave of a plan did not begin. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum BeginWaveError {
    /// The cluster is not as the plan has it.
    #[error(
        "{} of the plan cannot be made on the cluster as it is, so nothing of wave {wave} began; plan again",
        Listed(.obstacles)
    )]
    Unsafe {
        /// The wave.
        wave: u32,
        /// Every move of this wave and those after it that cannot be made, and why.
        obstacles: Vec<Obstacle>,
    },
    /// The policy is not one for this cluster, or the cluster contradicts itself.
    #[error(transparent)]
    Input(#[from] PlanError),
    /// Something changed between the check and the beginning: this move was refused, so none began.
    #[error("move {at} of the plan cannot begin, so nothing of wave {wave} did")]
    Move {
        /// The wave.
        wave: u32,
        /// The place of the move in the plan.
        at: usize,
        /// Why.
        source: BeginError,
    },
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many moves, and the first of them.
struct Listed<'o>(&'o [Obstacle]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("nothing"),
            [one] => write!(f, "1 move ({one})"),
            [first, ..] => write!(f, "{} moves (the first: {first})", self.0.len()),
        }
    }
}

impl From<&Move> for BeginRequest {
    fn from(one: &Move) -> Self {
        Self {
            trigger: match one.reason {
                MoveReason::Drain => Trigger::Drain,
                MoveReason::Misplaced(_)
                | MoveReason::Overfull(_)
                | MoveReason::Spread
                | MoveReason::Room(_)
                | MoveReason::Above { .. }
                | MoveReason::Below { .. } => Trigger::Rebalance,
            },
            reason: Reason::new(one.reason.to_string()),
            ..Self::new(one.shard, one.from, one.to)
        }
    }
}

impl MigrationTracker {
    /// Begins every migration of one wave of `plan` in one transaction, or none: if
    /// [`obstacles`] finds nothing in the way of this wave and those after it on the cluster as it is now,
    /// and every shard is owned by the node that the plan takes it from.
    ///
    /// Begin a wave when nothing of the one before it is left, also no old copy: it may need the room.
    /// Every shard and node of the plan has to be registered. Whoever keeps the shard map elsewhere asks
    /// [`obstacles`] about an input of their own, and then [`begins`](Self::begin_plan) the moves.
    ///
    /// # Errors
    /// [`BeginWaveError`]; nothing changed.
    ///
    /// ```
    /// use shardferry::planner::{Policy, Resource, plan};
    /// use shardferry::schema::text::{NodeName, ShardName};
    /// use shardferry::tracker::BeginWaveError;
    /// use shardferry::{MigrationTracker, Node, NodeId, NodeState, Shard, ShardId};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// tracker.register_node(Node::new(NodeId(1), NodeName::new("full")?))?;
    /// tracker.register_node(Node::new(NodeId(2), NodeName::new("empty")?))?;
    /// for id in 0..4 {
    ///     let name = ShardName::new(format!("shard-{id}"))?;
    ///     tracker.register_shard(Shard::new(ShardId(id), name, NodeId(1)))?;
    /// }
    /// let policy = Policy::new(Resource::COUNT, 100_000, 0)?;
    /// let plan = plan(&tracker.snapshot()?.plan_input(), &policy)?;
    ///
    /// // The receiver is to take nothing any more: nothing begins, and each move is named.
    /// let mut empty = Node::new(NodeId(2), NodeName::new("empty")?);
    /// empty.state = NodeState::NoAccept;
    /// tracker.update_node(empty.clone())?;
    /// let refused = tracker.begin_wave(&plan, &policy, 0);
    /// let Err(BeginWaveError::Unsafe { obstacles, .. }) = refused else {
    ///     panic!("{refused:?}");
    /// };
    /// assert_eq!(obstacles.len(), 2);
    /// assert!(tracker.snapshot()?.active.is_empty());
    ///
    /// empty.state = NodeState::Active;
    /// tracker.update_node(empty)?;
    /// assert_eq!(tracker.begin_wave(&plan, &policy, 0)?.len(), 2);
    ///
    /// // They are under way: the same does not begin twice.
    /// assert!(tracker.begin_wave(&plan, &policy, 0).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_wave(
        &self,
        plan: &Plan,
        policy: &Policy,
        wave: u32,
    ) -> Result<Vec<MigrationId>, BeginWaveError> {
        let input = self.snapshot()?.plan_input();
        let obstacles = obstacles(&input, policy, plan, wave)?;
        if !obstacles.is_empty() {
            return Err(BeginWaveError::Unsafe { wave, obstacles });
        }
        let of_wave = plan.moves.iter().enumerate();
        let of_wave = of_wave.filter(|(_, one)| one.wave == wave);
        let (places, requests): (Vec<usize>, Vec<BeginRequest>) = of_wave
            .map(|(at, one)| (at, BeginRequest::from(one)))
            .unzip();
        self.begin_plan(&requests).map_err(|error| match error {
            BeginPlanError::Move { at, source } => BeginWaveError::Move {
                wave,
                at: places.get(at).copied().unwrap_or(at),
                source,
            },
            BeginPlanError::Store(error) => BeginWaveError::Store(error),
        })
    }
}
