//! Operations in an order that leads somewhere: alone, chance seldom gets there.

use proptest::prelude::*;
use shardferry::schema::v1::FailureClass;

use super::op::{ByClaim, Op, Operator, Scope, ops};
use super::{EXECUTORS, NODES, SHARDS};

/// Up to `len` operations or stories, one after the other.
pub(super) fn life(len: usize) -> impl Strategy<Value = Vec<Op>> {
    let part = prop_oneof![
        20 => ops().prop_map(|op| vec![op]),
        1 => story(),
    ];
    let parts = prop::collection::vec(part, 1..=len);
    parts.prop_map(|parts| parts.into_iter().flatten().collect())
}

fn story() -> impl Strategy<Value = Vec<Op>> {
    let who = 0..EXECUTORS;
    let moved = (1..=SHARDS, 1..=NODES).prop_map(|(shard, to)| Op::Move { shard, to });
    (moved, who, 0..10_usize).prop_map(|(moved, who, which)| {
        let mut ops = vec![moved.clone(), Op::ClaimNext(who)];
        ops.extend(match which {
            0 => twice_failed(who),
            1 => there_and_back(who),
            2 => late(who),
            3 => burnt(),
            4 => drained(&moved),
            5 => vec![Op::Lag(true), by_claim(ByClaim::Report(5, None)), Op::Crash],
            6 => held_back(who, &moved),
            7 => hurried(who),
            8 => failed_for_good(),
            _ => by_priority(who, &moved),
        });
        ops
    })
}

fn by_claim(what: ByClaim) -> Op {
    Op::ByClaim(0, what)
}

/// Nothing is set aside, and somebody tries again.
fn failed_for_good() -> Vec<Op> {
    vec![
        by_claim(ByClaim::FailAttempt(FailureClass::Permanent)),
        Op::SettleOne,
        Op::Operator(Operator::RetryOne),
    ]
}

/// The shard is set aside, and let out.
fn twice_failed(who: usize) -> Vec<Op> {
    let fails = by_claim(ByClaim::FailAttempt(FailureClass::Retriable));
    vec![
        Op::Waits(false),
        fails.clone(),
        Op::ClaimNext(who),
        fails,
        Op::SettleOne,
        Op::Operator(Operator::RetryOne),
    ]
}

fn there_and_back(who: usize) -> Vec<Op> {
    let arrives = [ByClaim::Verify, ByClaim::Evidence(true), ByClaim::Complete];
    let arrives = || arrives.map(by_claim).into_iter().chain([Op::SettleOne]);
    let back = |newest| Op::Operator(Operator::ReverseOne { newest });
    let goes_back = [back(true), Op::ClaimNext(who)];
    let there = arrives().chain(goes_back);
    there.chain(arrives()).chain([back(false)]).collect()
}

/// Neither the next attempt nor the end of the old copy has to be waited for.
fn hurried(who: usize) -> Vec<Op> {
    let fails = by_claim(ByClaim::FailAttempt(FailureClass::Unknown));
    let retry = Op::Operator(Operator::RetryOne);
    let long = [Op::Waits(true), fails, retry, Op::ClaimNext(who)];
    let cut_over = [ByClaim::Verify, ByClaim::Evidence(true), ByClaim::Complete].map(by_claim);
    let hurry = Op::Operator(Operator::Hurry(None));
    let at_once = [hurry, Op::Waits(false), Op::SettleOne];
    long.into_iter().chain(cut_over).chain(at_once).collect()
}

/// It is overtaken, and reports all the same.
fn late(who: usize) -> Vec<Op> {
    vec![
        Op::LeaseRunsOut(0),
        Op::ClaimNext((who + 1) % EXECUTORS),
        Op::ByClaim(1, ByClaim::Report(1, None)),
        Op::ByClaim(1, ByClaim::Renew),
    ]
}

/// What is left is on a node that is gone.
fn burnt() -> Vec<Op> {
    vec![
        by_claim(ByClaim::FailAttempt(FailureClass::Permanent)),
        Op::BurnsDown,
        Op::Operator(Operator::ForgiveOne),
    ]
}

fn with(moved: &Op, further: u64, priority: i32, drains: bool) -> Op {
    let Op::Move { shard, to } = *moved else {
        panic!("it is a move");
    };
    Op::MoveWith {
        shard: 1 + (shard + further) % SHARDS,
        to,
        priority,
        drains,
        expects: None,
    }
}

/// By a pause, and by a limit.
fn held_back(who: usize, moved: &Op) -> Vec<Op> {
    vec![
        Op::Operator(Operator::Pause(Scope::Everything)),
        by_claim(ByClaim::Report(1, None)),
        Op::Operator(Operator::Resume(Scope::Everything)),
        by_claim(ByClaim::Report(2, None)),
        Op::Limit(Some(1), None),
        with(moved, 1, 0, false),
        Op::ClaimNext(who),
        Op::Limit(None, None),
    ]
}

fn drained(moved: &Op) -> Vec<Op> {
    let there_and_back = |node| [Operator::Drain(node), Operator::Undrain(node)].map(Op::Operator);
    let begun = (1..4).map(|further| with(moved, further, 0, true));
    begun.chain((1..=NODES).flat_map(there_and_back)).collect()
}

fn by_priority(who: usize, moved: &Op) -> Vec<Op> {
    vec![
        Op::Ageing(3_600_000),
        with(moved, 1, 0, false),
        with(moved, 2, 2, false),
        Op::ClaimNext(who),
    ]
}
