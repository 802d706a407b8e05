//! A few shards that are far heavier than the others, against the exact minimum.

use std::collections::{BTreeMap, BTreeSet};

use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, Variable};

use super::*;

/// Three to five nodes with many light shards and a few giants; now and then, one drains.
fn giants(seed: u64) -> (Input, Policy) {
    let random = &mut Random::new(seed);
    let nodes = 3 + random.below(3);
    let lights = 6 + random.below(30);
    let one_in = 1 + random.below(3);
    let mut sizes = Vec::new();
    for _ in 0..nodes {
        let count = lights / 2 + random.below(lights);
        let mut node: Vec<u64> = (0..count).map(|_| 1 + random.below(4)).collect();
        for _ in 0..2 {
            if random.one_in(one_in) {
                node.push(10 * (2 + random.below(5)));
            }
        }
        sizes.push(node);
    }
    let mut input = cluster(&sizes.iter().map(Vec::as_slice).collect::<Vec<_>>());
    if random.one_in(4) {
        input.nodes[0].state = Availability::Draining;
    }
    let target = 50_000 * (1 + random.below(6));
    (input, policy(Resource::BYTES, target, target))
}

/// The fewest moves that empty draining nodes and bring the others into their bands. Shards of one
/// weight are alike: what counts is how many of them leave a node, and come.
fn optimum(input: &Input, made: &Plan) -> Option<usize> {
    let mut held: BTreeMap<(NodeId, u64), i32> = BTreeMap::new();
    for shard in &input.shards {
        *held
            .entry((shard.owner, shard.weights.get(Resource::BYTES)))
            .or_default() += 1;
    }
    let weights: BTreeSet<u64> = held.keys().map(|(_, weight)| *weight).collect();
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let mut by_node: BTreeMap<NodeId, Vec<(Variable, f64)>> = BTreeMap::new();
    for weight in weights {
        let mut moved = Vec::new();
        for node in &input.nodes {
            let held = held.get(&(node.id, weight)).copied().unwrap_or_default();
            let drains = node.state == Availability::Draining;
            let out = problem.add_integer_var(1.0, (if drains { held } else { 0 }, held));
            let most = if drains { 0 } else { 1000 };
            let come = problem.add_integer_var(0.0, (0, most));
            moved.extend([(out, 1.0), (come, -1.0)]);
            let weight = weight as f64;
            by_node
                .entry(node.id)
                .or_default()
                .extend([(out, -weight), (come, weight)]);
        }
        problem.add_constraint(&moved, ComparisonOp::Eq, 0.0);
    }
    let active = |node: NodeId| {
        let mut nodes = input.nodes.iter();
        nodes.any(|one| one.id == node && one.state == Availability::Active)
    };
    for load in made.loads.iter().filter(|load| active(load.node)) {
        let shards = input.shards.iter().filter(|shard| shard.owner == load.node);
        let before: u64 = shards.map(|shard| shard.weights.get(Resource::BYTES)).sum();
        let (band, before) = (load.bands[0], before as f64);
        let gained = by_node.remove(&load.node).unwrap();
        problem.add_constraint(&gained, ComparisonOp::Ge, band.least as f64 - before);
        problem.add_constraint(&gained, ComparisonOp::Le, band.most as f64 - before);
    }
    match problem.solve() {
        Ok(found) => Some(found.into_solution().unwrap().objective().round() as usize),
        Err(Error::Infeasible) => None,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn no_plan_with_giants_has_fewer_moves_than_the_bound() {
    let (mut solved, mut tight, mut gaps) = (0, 0, 0);
    for seed in 1..=cases(150, 5_000) {
        let (input, policy) = giants(seed);
        let made = plan(&input, &policy).unwrap();
        if made.is_empty() && made.left.is_empty() {
            continue;
        }
        let Some(optimum) = optimum(&input, &made) else {
            continue;
        };
        let bound = made.lower_bound_moves;
        assert!(bound <= optimum, "{seed}: {bound} above {optimum}");
        let moves = made.total_moves();
        assert!(bound <= moves || !made.left.is_empty(), "{seed}: {bound}");
        solved += 1;
        tight += usize::from(bound == optimum);
        gaps += optimum - bound;
    }
    println!("{solved} solved, {tight} tight, {gaps} moves between");
    assert!(
        solved >= 100 && tight * 100 >= solved * 70,
        "{tight} of {solved}"
    );
}
