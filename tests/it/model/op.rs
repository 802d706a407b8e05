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
    /// As `Move`, with what else a caller can say.
    MoveWith {
        shard: u64,
        to: u64,
        priority: i32,
        /// It is to empty its source.
        drains: bool,
        /// The version that the caller expects: the one there is, or another.
        expects: Option<bool>,
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
    /// Whatever is next, by one of several executors.
    ClaimNext(usize),
    /// Through the claim at this position among those of the session, stale ones too.
    ByClaim(usize, ByClaim),
    Settle {
        node: u64,
        shard: u64,
    },
    /// The oldest open cleanup.
    SettleOne,
    Node(u64, NodeState),
    /// The node of the first copy that has to go is down.
    BurnsDown,
    /// It leaves the registry, or comes back.
    NodeLeaves(u64),
    NodeComes(u64),
    /// In total, and for each pair of nodes.
    Limit(Option<u32>, Option<u32>),
    /// What a priority is worth, in milliseconds.
    Ageing(u64),
    /// Whether it takes long until a failed attempt is followed by another, and until the copy that a
    /// cutover leaves may be removed.
    Waits(bool),
    Operator(Operator),
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

/// What an operator says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    Pause(Scope),
    Resume(Scope),
    /// The pause at this position among those there are.
    ResumeOne(usize),
    ReleaseQuarantine(u64),
    /// The first shard that is set aside.
    ReleaseOne,
    Retry(usize),
    /// Of a migration that set its shard aside and left no copy, or else of the newest that has failed
    /// or waits.
    RetryOne,
    Reverse(usize),
    /// Of a cutover whose old copy is gone: the newest, or the oldest, whose shard may have moved on.
    ReverseOne {
        newest: bool,
    },
    Hurry(Option<u64>),
    ForgiveNode(u64),
    /// The node of the first copy that has to go, once it is down.
    ForgiveOne,
    CompleteUnverified(usize),
    Drain(u64),
    Undrain(u64),
}

/// What is paused: a migration by its position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    Everything,
    Node(u64),
    Migration(usize),
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
        4 => Just(ByClaim::FailAttempt(FailureClass::Retriable)),
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
        3 => (
            shards.clone(),
            nodes.clone(),
            -2..=2_i32,
            any::<bool>(),
            prop::option::weighted(0.3, prop::bool::weighted(0.7)),
        )
            .prop_map(|(shard, to, priority, drains, expects)| Op::MoveWith {
                shard,
                to,
                priority,
                drains,
                expects,
            }),
        1 => prop::collection::vec((shards.clone(), nodes.clone()), 1..4).prop_map(Op::Plan),
        2 => at.clone().prop_map(Op::Start),
        2 => (at.clone(), bytes()).prop_map(|(at, (bytes, total))| Op::Progress(at, bytes, total)),
        1 => at.clone().prop_map(Op::Verify),
        1 => (at.clone(), any::<bool>()).prop_map(|(at, same)| Op::Evidence(at, same)),
        2 => at.clone().prop_map(Op::Complete),
        1 => at.clone().prop_map(Op::Fail),
        2 => at.clone().prop_map(Op::Cancel),
        5 => (0..EXECUTORS).prop_map(Op::ClaimNext),
        6 => (at, 0..EXECUTORS).prop_map(|(at, executor)| Op::Claim(at, executor)),
        14 => (prop_oneof![4 => Just(0_usize), 1 => 1..5_usize], by_claim)
            .prop_map(|(which, what)| Op::ByClaim(which, what)),
        1 => (nodes.clone(), shards.clone()).prop_map(|(node, shard)| Op::Settle { node, shard }),
        3 => Just(Op::SettleOne),
        2 => (nodes.clone(), states).prop_map(|(node, state)| Op::Node(node, state)),
        1 => Just(Op::BurnsDown),
        1 => nodes.clone().prop_map(Op::NodeLeaves),
        1 => nodes.clone().prop_map(Op::NodeComes),
        1 => (prop::option::of(1..3_u32), prop::option::of(1..3_u32))
            .prop_map(|(total, pair)| Op::Limit(total, pair)),
        1 => prop::sample::select(vec![0, 1, 3_600_000_u64]).prop_map(Op::Ageing),
        2 => any::<bool>().prop_map(Op::Waits),
        12 => operators().prop_map(Op::Operator),
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

fn operators() -> impl Strategy<Value = Operator> {
    let (shards, nodes) = (1..=SHARDS, 1..=NODES);
    let at = 0..6_usize;
    let scopes = || {
        prop_oneof![
            1 => Just(Scope::Everything),
            1 => (1..=NODES).prop_map(Scope::Node),
            3 => (0..6_usize).prop_map(Scope::Migration),
        ]
    };
    prop_oneof![
        3 => scopes().prop_map(Operator::Pause),
        1 => scopes().prop_map(Operator::Resume),
        6 => (0..4_usize).prop_map(Operator::ResumeOne),
        1 => shards.prop_map(Operator::ReleaseQuarantine),
        1 => Just(Operator::ReleaseOne),
        1 => at.clone().prop_map(Operator::Retry),
        2 => Just(Operator::RetryOne),
        1 => at.clone().prop_map(Operator::Reverse),
        1 => any::<bool>().prop_map(|newest| Operator::ReverseOne { newest }),
        1 => prop::option::of(nodes.clone()).prop_map(Operator::Hurry),
        1 => nodes.clone().prop_map(Operator::ForgiveNode),
        2 => Just(Operator::ForgiveOne),
        1 => at.prop_map(Operator::CompleteUnverified),
        1 => nodes.clone().prop_map(Operator::Drain),
        1 => nodes.prop_map(Operator::Undrain),
    ]
}
