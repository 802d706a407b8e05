//! Any cluster and any policy.

use super::shrink::smallest;
use super::*;

const STATES: [Availability; 8] = [
    Availability::Active,
    Availability::Active,
    Availability::Active,
    Availability::Active,
    Availability::Active,
    Availability::Draining,
    Availability::NoAccept,
    Availability::Down,
];

/// How wild a cluster is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wild {
    /// Active nodes and shards of several sizes, nothing else.
    Tame,
    /// Also states, capacities, groups, zones, moves under way, lists and limits.
    Full,
    /// Also the greatest numbers.
    Huge,
}

/// The cluster and policy of a seed.
pub(super) fn made(seed: u64, wild: Wild) -> (Input, Policy) {
    let random = &mut Random::new(seed);
    let names = ["count", "bytes", "load", "cpu", "ram"];
    let resources = 3 + random.below(3) as usize;
    let mut input = Input {
        resources: Resources::new(names[..resources].iter().copied()).unwrap(),
        ..Input::default()
    };
    let nodes = 1 + random.below(7);
    for id in 1..=nodes {
        let node = node(random, &input.resources, id, wild);
        input.nodes.push(node);
    }
    let shards = random.below(6 * nodes + 1);
    let sizes = [2, 20, 20, 200][random.below(4) as usize];
    for id in 1..=shards {
        let shard = shard(random, &input.resources, id, nodes, sizes, wild);
        input.shards.push(shard);
    }
    if wild != Wild::Tame {
        traces(random, &mut input, nodes);
    }
    let policy = any_policy(random, &input.resources, wild);
    (input, policy)
}

fn node(random: &mut Random, resources: &Resources, id: u64, wild: Wild) -> NodeInput {
    let mut node = NodeInput::new(NodeId(id));
    if random.one_in(4) {
        node.weight = 1 + random.below(4);
    }
    if wild == Wild::Tame {
        return node;
    }
    if random.one_in(2) {
        node.state = STATES[random.below(8) as usize];
    }
    node.zone = [None, Some("a"), Some("b"), Some("c")][random.below(4) as usize].map(Into::into);
    for resource in resources.iter() {
        if random.one_in(5) {
            let most = if resource == Resource::COUNT { 12 } else { 400 };
            node.capacity = node.capacity.with(resource, Some(random.below(most)));
        }
    }
    if wild == Wild::Huge && random.one_in(6) {
        node.weight = NodeInput::WEIGHT_MAX;
    }
    node
}

fn weight(random: &mut Random, sizes: u64, wild: Wild) -> u64 {
    match random.below(24) {
        0 => 0,
        1 => sizes * 7,
        2 if wild == Wild::Huge => u64::MAX,
        3 if wild == Wild::Huge => u64::MAX / 2,
        _ => 1 + random.below(sizes),
    }
}

fn shard(
    random: &mut Random,
    resources: &Resources,
    id: u64,
    nodes: u64,
    sizes: u64,
    wild: Wild,
) -> ShardInput {
    let weights = PerResource::from_fn(resources, |resource| match resource {
        Resource::COUNT => 1,
        _ => weight(random, sizes, wild),
    });
    // Some nodes have more than others.
    let owner = 1 + random.below(nodes).min(random.below(nodes));
    let mut shard = ShardInput::new(ShardId(id), NodeId(owner), weights);
    if wild == Wild::Tame {
        return shard;
    }
    shard.pinned = random.one_in(20);
    if random.one_in(3) {
        shard.group = Some(GroupId(random.below(5)));
    }
    let other = NodeId(1 + random.below(nodes));
    match random.below(16) {
        0 => shard.allowed = vec![other, NodeId(1)],
        1 => shard.disallowed = vec![other],
        2 if other.0 != owner => shard.replicas = vec![other],
        _ => {}
    }
    shard
}

/// What is under way, what was, and what is set aside.
fn traces(random: &mut Random, input: &mut Input, nodes: u64) {
    let shards = input.shards.len() as u64;
    for _ in 0..random.below(5) {
        let shard = ShardId(1 + random.below(shards + 1));
        let node = NodeId(1 + random.below(nodes));
        match random.below(8) {
            0 | 1 => input.cleanups.push((node, shard)),
            2 | 3 => input.cooling.push(CoolingShard { shard, from: node }),
            4 => input.quarantined.push(shard),
            _ if input.in_flight.iter().all(|moving| moving.shard != shard) => {
                let owner = input.shards.iter().find(|one| one.id == shard);
                let from = owner.map_or(NodeId(1), |one| one.owner);
                let to = node;
                input.in_flight.push(InFlightMove { shard, from, to });
            }
            _ => {}
        }
    }
}

fn any_policy(random: &mut Random, resources: &Resources, wild: Wild) -> Policy {
    let mut priorities: Vec<Resource> = resources.iter().collect();
    for at in 0..priorities.len() {
        let other = at + random.below((priorities.len() - at) as u64) as usize;
        priorities.swap(at, other);
    }
    let target = [0, 20_000, 50_000, 100_000][random.below(4) as usize];
    let wider = [0, 0, 50_000, 300_000][random.below(4) as usize];
    let mut policy = policy(priorities[0], target + wider, target);
    let further = [0, 0, 1, 2][random.below(4) as usize];
    for resource in priorities.into_iter().skip(1).take(further) {
        policy = policy.then(resource).unwrap();
    }
    if wild == Wild::Tame {
        return policy;
    }
    let mut some = |of: u64, most: u64| random.one_in(of).then(|| 1 + random.below(most) as usize);
    let (moves, at_once) = (some(6, 8), some(4, 4));
    let (most_in, most_out) = (some(4, 3), some(4, 3));
    let bytes = random.one_in(8).then(|| random.below(200));
    let policy = policy
        .with_max_moves(moves)
        .with_max_bytes(bytes)
        .with_max_in_flight(at_once)
        .unwrap()
        .with_limits(most_in, most_out)
        .unwrap()
        .charging_both_ends(!random.one_in(4))
        .with_min_zones_per_group(1 + random.below(3) as u32);
    if random.one_in(6) {
        policy.with_min_gain_per_mib(random.below(1 << 20))
    } else {
        policy
    }
}

/// What is wrong with the plan of this cluster.
fn faults(input: &Input, policy: &Policy) -> Vec<PlanViolation> {
    let made = plan(input, policy).unwrap();
    let safe = invariant_i13_plan_is_safe(input, policy, &made);
    safe.err().unwrap_or_default()
}

/// The name of a fault, without what it is about.
fn kind(fault: &PlanViolation, policy: &Policy) -> String {
    let about = if let PlanViolation::NotFinished { when, .. } = fault {
        format!(" {when}")
    } else if let PlanViolation::Misstated { what, .. } | PlanViolation::Unexplained { what } =
        fault
    {
        let letters = what.chars().filter(|c| !c.is_ascii_digit());
        format!(" {}", letters.collect::<String>())
    } else {
        String::new()
    };
    let text = format!("{fault:?}");
    let name = text.split(" {").next().unwrap_or_default();
    match policy.priorities().len() {
        1 => format!("{name}{about}, one resource"),
        _ => format!("{name}{about}, several resources"),
    }
}

/// What is wrong with the plan of a cluster, in few lines.
fn shown(input: &Input, policy: &Policy) -> String {
    let mut text = String::new();
    for fault in faults(input, policy) {
        text += &format!("  {fault}\n");
    }
    let values = |weights: &PerResource<u64>| -> Vec<u64> {
        let resources = input.resources.iter();
        resources.map(|one| weights.get(one)).collect()
    };
    for node in &input.nodes {
        let room: Vec<_> = input
            .resources
            .iter()
            .map(|one| node.capacity.get(one))
            .collect();
        let has_room = node.capacity != PerResource::default();
        let room = if has_room {
            format!("{room:?}")
        } else {
            String::new()
        };
        let zone = node.zone.as_deref().unwrap_or("-");
        let (id, state, weight) = (node.id, node.state, node.weight);
        text += &format!("  node {id} {state} x{weight} {zone} {room}:");
        for shard in input.shards.iter().filter(|shard| shard.owner == id) {
            text += &format!(" {}{:?}", shard.id, values(&shard.weights));
            let plain = ShardInput::new(shard.id, shard.owner, shard.weights.clone());
            if *shard != plain {
                let (pinned, group) = (shard.pinned, shard.group);
                let lists = (&shard.allowed, &shard.disallowed, &shard.replicas);
                text += &format!("({pinned} {group:?} {lists:?})");
            }
        }
        text += "\n";
    }
    let (moving, old) = (&input.in_flight, &input.cleanups);
    let others = (&input.cooling, &input.quarantined);
    text += &format!("  {moving:?} {old:?} {others:?}\n  {policy:?}\n");
    let made = plan(input, policy).unwrap();
    for step in &made.moves {
        let (shard, from, to, wave) = (step.shard, step.from, step.to, step.wave);
        text += &format!(
            "  shard {shard} {from} -> {to} in {wave}: {}\n",
            step.reason
        );
    }
    for load in &made.loads {
        text += &format!("  node {}: {:?} {:?}\n", load.node, load.after, load.bands);
    }
    for left in &made.left {
        text += &format!("  {left}\n");
    }
    text
}

/// Of so many plans one may fall short of what it could be: the clusters pull on every rule at once. None
/// may do harm, or say what is not so.
const FEW: u64 = 2_500;

/// Plans every seed; what is wrong is shown with how often, and the smallest cluster found.
fn survey(seeds: std::ops::Range<u64>, wild: Wild) {
    let mut found: std::collections::BTreeMap<String, (u64, Input, Policy)> = Default::default();
    let mut is_wrong = false;
    for seed in seeds.clone() {
        let (input, policy) = made(seed, wild);
        for fault in faults(&input, &policy) {
            is_wrong |= !fault.is_shortfall();
            let entry = found.entry(kind(&fault, &policy));
            let size = |input: &Input| input.shards.len() + input.nodes.len();
            let (count, smaller, its_policy) =
                entry.or_insert_with(|| (0, input.clone(), policy.clone()));
            *count += 1;
            if size(&input) < size(smaller) {
                (*smaller, *its_policy) = (input.clone(), policy.clone());
            }
        }
    }
    let mut text = String::new();
    let faulty: u64 = found.values().map(|(count, ..)| count).sum();
    if !is_wrong && faulty * FEW <= seeds.end - seeds.start {
        println!("{faulty} plans of {seeds:?}, {wild:?}, are not all that they should be");
        return;
    }
    for (name, (count, input, policy)) in found {
        let fails = |input: &Input, policy: &Policy| {
            let found = faults(input, policy);
            found.iter().any(|fault| kind(fault, policy) == name)
        };
        let (input, policy) = smallest(&input, &policy, fails);
        text += &format!("{count} x {name}\n{}\n", shown(&input, &policy));
    }
    assert!(text.is_empty(), "of the seeds {seeds:?}, {wild:?}:\n{text}");
}

#[test]
fn every_plan_of_a_tame_cluster_is_safe() {
    survey(0..cases(150, 100_000), Wild::Tame);
}

#[test]
fn every_plan_of_a_wild_cluster_is_safe() {
    survey(0..cases(400, 100_000), Wild::Full);
}

#[test]
fn every_plan_of_the_greatest_numbers_is_safe() {
    survey(0..cases(150, 100_000), Wild::Huge);
}

#[test]
fn the_order_of_the_input_means_nothing() {
    for seed in 0..cases(100, 20_000) {
        let (input, policy) = made(seed, Wild::Huge);
        let mut reversed = input.clone();
        reversed.nodes.reverse();
        reversed.shards.reverse();
        reversed.in_flight.reverse();
        reversed.cleanups.reverse();
        reversed.cooling.reverse();
        assert_eq!(plan(&input, &policy), plan(&reversed, &policy), "{seed}");
    }
}

#[test]
fn a_shorter_plan_is_the_beginning_of_the_longer() {
    for seed in 0..cases(50, 20_000) {
        let (input, policy) = made(seed, Wild::Full);
        let long = plan(&input, &policy.clone().with_max_moves(None)).unwrap();
        for max in 0..=long.moves.len() {
            let short = plan(&input, &policy.clone().with_max_moves(Some(max))).unwrap();
            assert_eq!(short.moves[..], long.moves[..max], "{seed}: {max}");
        }
    }
}
