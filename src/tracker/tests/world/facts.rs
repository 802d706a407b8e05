use super::act::request_key;
use super::size::{Detail, Size};
use super::state::{NOW, World};
use crate::schema::v1::{CleanupKind, Evidence, Migration, NodeState, PauseScope, Status};
use crate::schema::{NodeId, ShardId, table};

/// What of a state decides about anything that is still to come.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) shards: Vec<ShardFacts>,
    pub(super) nodes: Vec<NodeState>,
    /// Everything is paused.
    pub(super) paused: bool,
    /// The nodes that are paused, by their places.
    pub(super) paused_nodes: Vec<bool>,
}

#[derive(Clone, Debug)]
pub(super) struct ShardFacts {
    /// `None`: it is not registered.
    pub(super) owner: Option<NodeId>,
    pub(super) begun: u64,
    pub(super) active: Option<Active>,
    pub(super) ledger: Vec<Entry>,
    /// It is in quarantine.
    pub(super) aside: bool,
    /// The newest migration, when it has ended and somebody may ask for another like it, or back.
    pub(super) ended: Option<Ended>,
    /// What the one request key was used for, if for this shard.
    pub(super) request: Option<(NodeId, NodeId)>,
}

/// A migration that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) cut_over: bool,
    pub(super) from: NodeId,
    pub(super) to: NodeId,
}

#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) status: Status,
    pub(super) attempt: Attempt,
    pub(super) fenced: bool,
    pub(super) cancelling: bool,
    pub(super) bytes: u64,
    /// What of it a crash leaves.
    pub(super) durable_bytes: u64,
    /// More than the last chance make no difference.
    pub(super) failures: u32,
    pub(super) evidence: Proof,
    /// A failed attempt was so short ago that nobody may claim it.
    pub(super) waits: bool,
    /// It is paused alone.
    pub(super) paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    None,
    Live,
    /// Its process is gone, or its lease ran out.
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    None,
    OfAnEarlierAttempt,
    Matches,
    Differs,
}

/// An entry of the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) node: NodeId,
    pub(super) other: NodeId,
    pub(super) kind: CleanupKind,
    pub(super) activated: bool,
    /// It is that of the shard's last cutover.
    pub(super) is_last_move: bool,
}

impl Facts {
    pub(super) fn of(size: &Size, world: &World) -> Self {
        let nodes = (1..=size.nodes).map(|id| {
            let node = world.row(table::NODES, &NodeId(id)).unwrap();
            node.state
        });
        let shards = (1..=size.shards).map(ShardId).zip(&world.begun);
        Self {
            nodes: nodes.collect(),
            paused: world.is_paused(PauseScope::Everything),
            paused_nodes: (1..=size.nodes)
                .map(|id| world.is_paused(PauseScope::Node(NodeId(id))))
                .collect(),
            shards: shards
                .map(|(id, begun)| ShardFacts::of(size, world, id, *begun))
                .collect(),
        }
    }

    /// Nothing is under way, and no copy has to go.
    pub(super) fn is_settled(&self) -> bool {
        let mut shards = self.shards.iter();
        shards.all(|shard| shard.active.is_none() && shard.ledger.is_empty())
    }

    /// No operator has to do something first: every node is up, and nothing is paused.
    pub(super) fn nothing_is_held_back(&self) -> bool {
        let up = |state: &NodeState| *state == NodeState::Active;
        let is_paused = |shard: &ShardFacts| shard.active.as_ref().is_some_and(|row| row.paused);
        let paused = self.paused
            || self.paused_nodes.iter().any(|paused| *paused)
            || self.shards.iter().any(is_paused);
        !paused && self.nodes.iter().all(up)
    }
}

impl ShardFacts {
    fn of(size: &Size, world: &World, id: ShardId, begun: u64) -> Self {
        let last = world.row(table::LAST_MOVES, &id);
        let ledger = (1..=size.nodes).map(NodeId).filter_map(|node| {
            let cleanup = world.row(table::CLEANUPS, &(node, id))?;
            let is_last_move = last.is_some_and(|last| last.migration == cleanup.migration);
            Some(Entry {
                node,
                other: match cleanup.kind {
                    CleanupKind::ReleaseSource => cleanup.to,
                    CleanupKind::DiscardDestination => cleanup.from,
                },
                kind: cleanup.kind,
                activated: cleanup.activated,
                is_last_move,
            })
        });
        let request = world.row(table::REQUESTS, &request_key());
        let active = world.active(id).map(|row| Active::of(size, world, &row));
        Self {
            owner: world.row(table::SHARDS, &id).map(|shard| shard.owner),
            begun,
            active,
            ledger: ledger.collect(),
            aside: world.row(table::QUARANTINE, &id).is_some(),
            ended: size.operators.then(|| Ended::of(world, id)).flatten(),
            request: request
                .filter(|request| request.shard == id)
                .map(|request| (request.from, request.to)),
        }
    }
}

impl Ended {
    fn of(world: &World, shard: ShardId) -> Option<Self> {
        let row = world.latest(shard)?;
        row.status().is_terminal().then(|| Self {
            cut_over: row.status() == Status::Complete,
            from: row.from,
            to: row.to,
        })
    }
}

impl Active {
    fn of(size: &Size, world: &World, row: &Migration) -> Self {
        let durable = if world.durable.is(&world.rows) {
            None
        } else {
            let mut rows = world.durable.clone();
            crate::store::get(&mut rows, table::MIGRATIONS, &row.id).unwrap()
        };
        let bytes = row.progress.bytes_migrated;
        Self {
            from: row.from,
            to: row.to,
            status: row.status(),
            attempt: match &row.attempt {
                None => Attempt::None,
                Some(attempt) => {
                    let live = attempt.session == world.session() && NOW < attempt.lease_until_ms;
                    if live { Attempt::Live } else { Attempt::Dead }
                }
            },
            fenced: row.fenced_at_ms.is_some(),
            cancelling: row.cancel.is_some(),
            bytes,
            durable_bytes: durable.map_or(bytes, |row| row.progress.bytes_migrated),
            failures: match size.detail {
                Detail::Full => row.failed_attempts.min(Size::ATTEMPTS_MAX),
                // No failure is retriable: nobody asks how many there were.
                Detail::Commands | Detail::Limits => 0,
            },
            evidence: match size.detail {
                Detail::Full | Detail::Commands => Proof::of(row.evidence.as_ref(), row),
                // It always matches and is not demanded: nobody asks for it.
                Detail::Limits => Proof::None,
            },
            waits: NOW < row.not_before_ms,
            paused: world.is_paused(PauseScope::Migration(row.id)),
        }
    }
}

impl Proof {
    fn of(evidence: Option<&Evidence>, row: &Migration) -> Self {
        match evidence {
            None => Self::None,
            Some(evidence) if evidence.epoch != row.epoch => Self::OfAnEarlierAttempt,
            Some(evidence) if evidence.matches() => Self::Matches,
            Some(_) => Self::Differs,
        }
    }
}
