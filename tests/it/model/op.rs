use proptest::prelude::*;
use shardferry::NodeState;
use shardferry::schema::v1::FailureClass;

use super::{EXECUTORS, NODES, SHARDS};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Begin {
        shard: u64,
        from: u64,
        to: u64,
    },
    /// From wherever the shard is, so that most are accepted.
    Move {
        shard: u64,
        to: u64,
    },
    /// As `Move`, under one of a few request keys: again and again, with the same and other bodies.
    MoveOnce {
        key: u8,
        shard: u64,
        to: u64,
    },
    /// Several moves, all or none.
    Plan(Vec<(u64, u64)>),
    Start(usize),
    Progress(usize, u64, Option<u64>),
    Verify(usize),
    Evidence(usize, bool),
    Complete(usize),
    Fail(usize),
    Cancel(usize),
    /// By one of several executors.
    Claim(usize, usize),
    /// Through the claim at this position among those of the session, stale ones too.
    ByClaim(usize, ByClaim),
    Settle {
        node: u64,
        shard: u64,
    },
    /// The oldest open cleanup.
    SettleOne,
    Node(u64, NodeState),
    /// It leaves the registry, or comes back.
    NodeLeaves(u64),
    NodeComes(u64),
    Limit(Option<u32>),
    /// Whether matching evidence is demanded.
    Verification(bool),
    /// Whether progress may be behind the disk for long.
    Lag(bool),
    /// What is behind the disk is brought there.
    Flush,
    /// The lease of the claim at this position runs out; it may still be renewed.
    LeaseRunsOut(usize),
    Register {
        shard: u64,
        owner: u64,
    },
    Remove {
        shard: u64,
    },
    Reopen,
    /// The process ends without a word.
    Crash,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ByClaim {
    Report(u64, Option<u64>),
    Renew,
    Fence,
    Unfence,
    Verify,
    Evidence(bool),
    Complete,
    FailAttempt(FailureClass),
    Release,
}

pub(crate) fn ops() -> impl Strategy<Value = Op> {
    let (shards, nodes) = (1..=SHARDS, 1..=NODES);
    let at = 0..6_usize;
    let bytes = || (0..50_u64, prop::option::of(20..60_u64));
    let by_claim = prop_oneof![
        5 => bytes().prop_map(|(bytes, total)| ByClaim::Report(bytes, total)),
        1 => Just(ByClaim::Renew),
        1 => Just(ByClaim::Fence),
        1 => Just(ByClaim::Unfence),
        2 => Just(ByClaim::Verify),
        2 => prop::bool::weighted(0.8).prop_map(ByClaim::Evidence),
        3 => Just(ByClaim::Complete),
        1 => Just(ByClaim::FailAttempt(FailureClass::Retriable)),
        1 => Just(ByClaim::FailAttempt(FailureClass::Permanent)),
        1 => Just(ByClaim::FailAttempt(FailureClass::Unknown)),
        1 => Just(ByClaim::Release),
    ];
    let states = prop_oneof![
        4 => Just(NodeState::Active),
        1 => Just(NodeState::Draining),
        1 => Just(NodeState::Down),
    ];
    prop_oneof![
        1 => (shards.clone(), nodes.clone(), nodes.clone())
            .prop_map(|(shard, from, to)| Op::Begin { shard, from, to }),
        6 => (shards.clone(), nodes.clone()).prop_map(|(shard, to)| Op::Move { shard, to }),
        1 => (0..3_u8, shards.clone(), nodes.clone())
            .prop_map(|(key, shard, to)| Op::MoveOnce { key, shard, to }),
        1 => prop::collection::vec((shards.clone(), nodes.clone()), 1..4).prop_map(Op::Plan),
        2 => at.clone().prop_map(Op::Start),
        2 => (at.clone(), bytes()).prop_map(|(at, (bytes, total))| Op::Progress(at, bytes, total)),
        1 => at.clone().prop_map(Op::Verify),
        1 => (at.clone(), any::<bool>()).prop_map(|(at, same)| Op::Evidence(at, same)),
        2 => at.clone().prop_map(Op::Complete),
        1 => at.clone().prop_map(Op::Fail),
        1 => at.clone().prop_map(Op::Cancel),
        6 => (at, 0..EXECUTORS).prop_map(|(at, executor)| Op::Claim(at, executor)),
        10 => (prop_oneof![4 => Just(0_usize), 1 => 1..5_usize], by_claim)
            .prop_map(|(which, what)| Op::ByClaim(which, what)),
        1 => (nodes.clone(), shards.clone()).prop_map(|(node, shard)| Op::Settle { node, shard }),
        3 => Just(Op::SettleOne),
        1 => (nodes.clone(), states).prop_map(|(node, state)| Op::Node(node, state)),
        1 => nodes.clone().prop_map(Op::NodeLeaves),
        1 => nodes.clone().prop_map(Op::NodeComes),
        1 => prop::option::of(1..3_u32).prop_map(Op::Limit),
        1 => any::<bool>().prop_map(Op::Verification),
        1 => any::<bool>().prop_map(Op::Lag),
        1 => Just(Op::Flush),
        2 => (0..3_usize).prop_map(Op::LeaseRunsOut),
        1 => (shards.clone(), nodes).prop_map(|(shard, owner)| Op::Register { shard, owner }),
        1 => shards.prop_map(|shard| Op::Remove { shard }),
        2 => Just(Op::Reopen),
        3 => Just(Op::Crash),
    ]
}
