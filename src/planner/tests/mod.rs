#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::wildcard_enum_match_arm,
    reason = "the numbers of tests are small"
)]

mod count;
mod exact;
mod faults;
mod giants;
mod noise;
mod price;
mod rules;
mod shrink;
mod weighted;
mod wild;

use super::*;
use crate::schema::{GroupId, NodeId, ShardId};

/// How many cases of a random test: some in every run, all where `SHARDFERRY_PLANNER_ALL` is set.
pub(super) fn cases(some: u64, all: u64) -> u64 {
    if std::env::var_os("SHARDFERRY_PLANNER_ALL").is_some() {
        all
    } else {
        some
    }
}

/// A pseudo-random sequence that follows from its seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            random.next();
        }
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 1
    }

    /// One of 0 to `end` - 1.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether one of `of` comes up.
    pub(super) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

pub(super) fn policy(balance: Resource, trigger_ppm: u64, target_ppm: u64) -> Policy {
    Policy::new(balance, trigger_ppm, target_ppm).unwrap()
}

pub(super) fn exact() -> Policy {
    policy(Resource::COUNT, 0, 0)
}

/// Nodes 1, 2, ... that hold shards of these sizes; the shards are numbered from 1.
pub(super) fn cluster(sizes: &[&[u64]]) -> Input {
    let mut input = Input::default();
    for (node, sizes) in (1..).map(NodeId).zip(sizes) {
        input.nodes.push(NodeInput::new(node));
        for size in *sizes {
            let id = ShardId(input.shards.len() as u64 + 1);
            let weights = PerResource::of_shard(*size, 0);
            input.shards.push(ShardInput::new(id, node, weights));
        }
    }
    input
}

/// Nodes that hold so many shards.
pub(super) fn counts(counts: &[usize]) -> Input {
    let sizes: Vec<Vec<u64>> = counts.iter().map(|count| vec![1; *count]).collect();
    cluster(&sizes.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The most of one resource.
pub(super) fn room(resource: Resource, most: u64) -> PerResource<Option<u64>> {
    PerResource::default().with(resource, Some(most))
}

/// The plan, which holds every invariant.
pub(super) fn checked(input: &Input, policy: &Policy) -> Plan {
    let made = plan(input, policy).unwrap();
    if let Err(found) = invariant_i13_plan_is_safe(input, policy, &made) {
        panic!("{found:#?}\nin {made:#?}\nof {input:#?}\nand {policy:?}");
    }
    made
}

/// The input once `plan` has been carried out.
pub(super) fn applied(input: &Input, plan: &Plan) -> Input {
    let mut next = input.clone();
    let moves = plan.moves.iter().map(|step| (step.shard, step.to));
    let moves: std::collections::HashMap<_, _> = moves.collect();
    for shard in &mut next.shards {
        if let Some(to) = moves.get(&shard.id) {
            shard.owner = *to;
        }
    }
    next
}

/// What each node holds after the plan, by id.
pub(super) fn after(plan: &Plan, resource: Resource) -> Vec<u128> {
    let loads = plan.loads.iter();
    loads.map(|load| load.after.get(resource)).collect()
}
