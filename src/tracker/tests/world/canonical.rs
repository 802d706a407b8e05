//! When two states are one.
//!
//! Left out is what no decision reads: how often something happened, the log, when, ended migrations,
//! which executor holds an attempt (its hand says so), the total of a copy (one byte wherever it is
//! known). Epochs count as newest or not. `tests::equal_states_answer_alike` puts this to the test: of
//! two states with one key each command must lead to states with one key.
//!
//! Shards, nodes and executors are alike but for their names: no procedure compares two ids other than
//! for equality. So of all ways to rename them the one with the smallest key stands for the state.

use super::facts::{Active, Attempt, Facts, Proof, ShardFacts};
use super::size::{Detail, Size};
use super::state::{Hand, World};
use crate::schema::v1::{CleanupKind, NodeState, Status};
use crate::schema::{NodeId, ShardId, table};

/// A state, up to what makes no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    shards: Vec<u64>,
    rest: u64,
}

/// Every way to rename the nodes and the executors. (Shards are sorted.)
pub(super) struct Renamings {
    nodes: Vec<Vec<usize>>,
    executors: Vec<Vec<usize>>,
}

impl Renamings {
    pub(super) fn of(size: &Size) -> Self {
        Self {
            nodes: orders(size.nodes.try_into().unwrap()),
            executors: orders(size.executors),
        }
    }

    /// The key of a state.
    pub(super) fn key(&self, size: &Size, world: &World, facts: &Facts) -> Key {
        let hands: Vec<_> = world.hands.iter().map(|hand| grip(world, *hand)).collect();
        let renamed = self.nodes.iter().flat_map(|nodes| {
            let executors = self.executors.iter();
            executors.map(|executors| key(size, facts, nodes, executors, &hands))
        });
        renamed.min().unwrap()
    }
}

/// What an executor holds.
#[derive(Clone, Copy)]
enum Grip {
    Nothing,
    Newest(ShardId),
    Stale(ShardId),
    Ended,
}

fn grip(world: &World, hand: Option<Hand>) -> Grip {
    let Some(hand) = hand else {
        return Grip::Nothing;
    };
    match world.row(table::MIGRATIONS, &hand.migration) {
        Some(row) if row.status().is_terminal() => Grip::Ended,
        None => Grip::Ended,
        Some(row) => match row.attempt {
            Some(attempt) if attempt.epoch == hand.epoch => Grip::Newest(hand.shard),
            Some(_) | None => Grip::Stale(hand.shard),
        },
    }
}

/// Every order of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let with = |order: &Vec<usize>| {
        let order = order.clone();
        (0..count).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, count - 1);
            longer
        })
    };
    shorter.iter().flat_map(with).collect()
}

/// Small numbers, one after the other in one word.
#[derive(Default)]
struct Packed {
    word: u64,
    bits: u32,
}

impl Packed {
    fn push(&mut self, value: impl Into<u64>, bits: u32) {
        let value = value.into();
        assert!(value < 1 << bits, "{value} needs more than {bits} bits");
        self.word |= value << self.bits;
        self.bits += bits;
        assert!(self.bits <= u64::BITS, "a key needs a second word");
    }
}

fn key(size: &Size, facts: &Facts, nodes: &[usize], executors: &[usize], hands: &[Grip]) -> Key {
    let mut shards = Vec::with_capacity(facts.shards.len());
    for (id, shard) in (1..).map(ShardId).zip(&facts.shards) {
        let mut packed = Packed::default();
        pack_shard(&mut packed, size, shard, nodes);
        for executor in executors {
            let grip = match hands[*executor] {
                Grip::Newest(shard) if shard == id => 1_u64,
                Grip::Stale(shard) if shard == id => 2,
                Grip::Newest(_) | Grip::Stale(_) | Grip::Nothing | Grip::Ended => 0,
            };
            packed.push(grip, 2);
        }
        shards.push(packed.word);
    }
    shards.sort_unstable();
    let mut rest = Packed::default();
    for executor in executors {
        rest.push(matches!(hands[*executor], Grip::Ended), 1);
    }
    let mut states = vec![0_u64; facts.nodes.len()];
    for (state, to) in facts.nodes.iter().zip(nodes) {
        states[*to] = match state {
            NodeState::Active => 0,
            NodeState::Draining => 1,
            NodeState::Down => 2,
            NodeState::NoAccept => 3,
        };
    }
    for state in states {
        rest.push(state, 2);
    }
    rest.push(facts.paused, 1);
    let mut paused = vec![false; facts.nodes.len()];
    for (is_paused, to) in facts.paused_nodes.iter().zip(nodes) {
        paused[*to] = *is_paused;
    }
    for paused in paused {
        rest.push(paused, 1);
    }
    Key {
        shards,
        rest: rest.word,
    }
}

/// The name of a node under a renaming; zero is no node.
fn named(node: NodeId, nodes: &[usize]) -> u64 {
    let at: usize = (node.0 - 1).try_into().unwrap();
    u64::try_from(nodes[at]).unwrap() + 1
}

fn pack_shard(packed: &mut Packed, size: &Size, shard: &ShardFacts, nodes: &[usize]) {
    if size.detail == Detail::Limits && size.is_spent(shard.begun) && shard.active.is_none() {
        pack_spent(packed, shard);
        return;
    }
    packed.push(shard.owner.map_or(0, |node| named(node, nodes)), 2);
    packed.push(size.migrations_max.map_or(0, |_| shard.begun), BEGUN_BITS);
    let mut ledger = vec![(0_u64, 0_u64); nodes.len()];
    for entry in &shard.ledger {
        let at: usize = (named(entry.node, nodes) - 1).try_into().unwrap();
        let kind = match (entry.kind, entry.activated, entry.is_last_move) {
            (CleanupKind::DiscardDestination, ..) => 1,
            (CleanupKind::ReleaseSource, false, true) => 2,
            (CleanupKind::ReleaseSource, false, false) => 3,
            (CleanupKind::ReleaseSource, true, _) => 4,
        };
        // Only a registration asks where the copy went that the entry belongs to.
        let other = if size.registry {
            named(entry.other, nodes)
        } else {
            0
        };
        ledger[at] = (kind, other);
    }
    for (kind, other) in ledger {
        packed.push(kind, 3);
        packed.push(other, 2);
    }
    let (from, to) = shard
        .request
        .map_or((0, 0), |(from, to)| (named(from, nodes), named(to, nodes)));
    packed.push(from, 2);
    packed.push(to, 2);
    packed.push(shard.aside, 1);
    let ended = shard.ended.map_or((0_u64, 0, 0), |ended| {
        let kind = if ended.cut_over { 1 } else { 2 };
        (kind, named(ended.from, nodes), named(ended.to, nodes))
    });
    packed.push(ended.0, 2);
    packed.push(ended.1, 2);
    packed.push(ended.2, 2);
    if let Some(active) = &shard.active {
        pack_active(packed, active, nodes);
    } else {
        packed.push(0_u64, ACTIVE_BITS);
    }
}

/// A shard that begins no further migration. Only what is said about the ledger still concerns it, and
/// that is answered alike wherever the copy is.
fn pack_spent(packed: &mut Packed, shard: &ShardFacts) {
    let count = |kind| {
        let entries = shard.ledger.iter().filter(|entry| entry.kind == kind);
        u64::try_from(entries.count()).unwrap()
    };
    packed.push(0_u64, 2);
    // No other shard had as many.
    packed.push(0b111_u64, BEGUN_BITS);
    packed.push(count(CleanupKind::ReleaseSource), 2);
    packed.push(count(CleanupKind::DiscardDestination), 2);
}

const BEGUN_BITS: u32 = 3;
const ACTIVE_BITS: u32 = 20;

fn pack_active(packed: &mut Packed, active: &Active, nodes: &[usize]) {
    let start = packed.bits;
    let status = match active.status {
        Status::Pending => 1_u64,
        Status::InProgress => 2,
        Status::Verifying => 3,
        Status::Complete | Status::Failed | Status::Cancelled => panic!("it has ended"),
    };
    let attempt = match active.attempt {
        Attempt::None => 0_u64,
        Attempt::Live => 1,
        Attempt::Dead => 2,
    };
    let evidence = match active.evidence {
        Proof::None => 0_u64,
        Proof::OfAnEarlierAttempt => 1,
        Proof::Matches => 2,
        Proof::Differs => 3,
    };
    packed.push(status, 2);
    packed.push(named(active.from, nodes), 2);
    packed.push(named(active.to, nodes), 2);
    packed.push(attempt, 2);
    packed.push(active.fenced, 1);
    packed.push(active.cancelling, 1);
    packed.push(active.bytes, 2);
    packed.push(active.durable_bytes, 2);
    packed.push(active.failures, 2);
    packed.push(evidence, 2);
    packed.push(active.waits, 1);
    packed.push(active.paused, 1);
    assert_eq!(packed.bits - start, ACTIVE_BITS);
}
