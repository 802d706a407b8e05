//! Small clusters, against the exact minimum that a solver finds.

use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, Variable};

use super::*;

/// Two to five nodes and up to 14 shards; now and then one node drains, has a limit or counts double.
fn small(seed: u64) -> (Input, Policy) {
    let random = &mut Random::new(seed);
    let nodes = 2 + random.below(4);
    let shards = nodes + random.below(15 - nodes);
    let sizes = [1, 4, 10, 30][random.below(4) as usize];
    let mut input = counts(&vec![0; nodes as usize]);
    for id in 1..=shards {
        let owner = NodeId(1 + random.below(nodes).min(random.below(nodes)));
        let weights = PerResource::of_shard(1 + random.below(sizes), 0);
        let mut shard = ShardInput::new(ShardId(id), owner, weights);
        shard.pinned = random.one_in(25);
        if random.one_in(12) {
            shard.disallowed = vec![NodeId(1 + random.below(nodes))];
            shard.disallowed.retain(|node| *node != owner);
        }
        input.shards.push(shard);
    }
    let last = input.nodes.len() - 1;
    match random.below(8) {
        0 if last > 1 => input.nodes[0].state = Availability::Draining,
        1 => input.nodes[last].capacity = room(Resource::BYTES, 3 * sizes),
        2 => input.nodes[last].weight = 2,
        _ => {}
    }
    let target = [50_000, 100_000, 200_000, 300_000][random.below(4) as usize];
    let trigger = target + [0, 100_000][random.below(2) as usize];
    (input, policy(Resource::BYTES, trigger, target))
}

/// The fewest moves that empty draining nodes and bring every active node into its band. `None`: no
/// moves do.
fn optimum(input: &Input, made: &Plan) -> Option<usize> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let active = |node: &&NodeInput| node.state == Availability::Active;
    let mut on: Vec<(NodeId, Vec<(Variable, f64)>)> = Vec::new();
    on.extend(
        input
            .nodes
            .iter()
            .filter(active)
            .map(|n| (n.id, Vec::new())),
    );
    for shard in &input.shards {
        let mut places = Vec::new();
        for (node, variables) in &mut on {
            let stays = *node == shard.owner;
            if !stays && (shard.pinned || shard.disallowed.contains(node)) {
                continue;
            }
            let place = problem.add_binary_var(if stays { 0.0 } else { 1.0 });
            places.push((place, 1.0));
            variables.push((place, shard.weights.get(Resource::BYTES) as f64));
        }
        problem.add_constraint(&places, ComparisonOp::Eq, 1.0);
    }
    for (node, variables) in &on {
        let load = made.loads.iter().find(|load| load.node == *node).unwrap();
        let band = load.bands[0];
        problem.add_constraint(variables, ComparisonOp::Ge, band.least as f64);
        problem.add_constraint(variables, ComparisonOp::Le, band.most as f64);
    }
    match problem.solve() {
        Ok(found) => Some(found.into_solution().unwrap().objective().round() as usize),
        Err(Error::Infeasible) => None,
        Err(other) => panic!("{other}"),
    }
}

/// Whether the checker does not believe that no placement would do.
fn sees_that_it_is_possible(input: &Input, policy: &Policy, mut made: Plan) -> bool {
    for left in &mut made.left {
        if let Left::Node { why, .. } = left {
            *why = WhyNode::Impossible;
        }
    }
    let found = check(input, policy, &made);
    let not_so = |violation: &PlanViolation| matches!(violation, PlanViolation::NotSo { .. });
    found.iter().any(not_so)
}

#[derive(Default)]
struct Tally {
    feasible: usize,
    /// How many cannot be brought into their bands, and how many plans say so.
    impossible: usize,
    said: usize,
    missed: Vec<u64>,
    gaps: usize,
    gap_max: usize,
    at_max: u64,
}

#[test]
fn plans_of_small_clusters_are_close_to_the_optimum() {
    let wanted = cases(60, 3_000) as usize;
    let mut tally = Tally::default();
    for seed in 1.. {
        if tally.feasible == wanted {
            break;
        }
        let (input, policy) = small(seed);
        let made = plan(&input, &policy).unwrap();
        // What is not triggered needs no moves but those out of draining nodes.
        let inside = |load: &NodeLoad| {
            let band = load.bands.first();
            band.is_none_or(|band| band.contains(load.after.get(Resource::BYTES)))
        };
        if made.left.is_empty() && (made.is_empty() || !made.loads.iter().all(inside)) {
            assert_eq!(made.gap_moves(), Some(0), "{seed}");
            continue;
        }
        let says_impossible = made.left.iter().any(|left| {
            let why = |why: &WhyNode| *why == WhyNode::Impossible;
            matches!(left, Left::Node { why: one, .. } if why(one))
        });
        let Some(optimum) = optimum(&input, &made) else {
            assert!(!made.left.is_empty(), "{seed}: there is no such plan");
            tally.impossible += 1;
            tally.said += usize::from(says_impossible);
            continue;
        };
        assert!(!says_impossible, "{seed}: {optimum} moves would do");
        tally.feasible += 1;
        let bound = made.lower_bound_moves;
        assert!(bound <= optimum, "{seed}: {bound} above {optimum}");
        if !made.left.is_empty() {
            tally.missed.push(seed);
            assert!(sees_that_it_is_possible(&input, &policy, made), "{seed}");
            continue;
        }
        let gap = made.total_moves().checked_sub(optimum);
        let gap = gap.unwrap_or_else(|| panic!("{seed}: fewer than {optimum}"));
        tally.gaps += gap;
        if gap > tally.gap_max {
            (tally.gap_max, tally.at_max) = (gap, seed);
        }
    }
    let (feasible, missed) = (tally.feasible, tally.missed.len());
    let mean = tally.gaps as f64 / (feasible - missed) as f64;
    let text = format!(
        "{feasible} feasible: mean gap {mean:.3}, max gap {} (seed {}), {} of {} others proven so, {missed} \
         not reached {:?}",
        tally.gap_max,
        tally.at_max,
        tally.said,
        tally.impossible,
        tally.missed.iter().take(20).collect::<Vec<_>>()
    );
    println!("{text}");
    assert!(mean <= 0.2 && tally.gap_max <= 1, "{text}");
    assert!(missed * 50 <= feasible, "{text}");
}
