//! The smallest cluster that still shows a fault.

use super::*;

type Change = Box<dyn Fn(&mut Input, &mut Policy)>;

/// What is left when nothing more can be taken away such that `fails`.
pub(super) fn smallest(
    input: &Input,
    policy: &Policy,
    fails: impl Fn(&Input, &Policy) -> bool,
) -> (Input, Policy) {
    let (mut input, mut policy) = (input.clone(), policy.clone());
    loop {
        let smaller = changes(&input).into_iter().find_map(|change| {
            let (mut next, mut next_policy) = (input.clone(), policy.clone());
            change(&mut next, &mut next_policy);
            let changed = (&next, &next_policy) != (&input, &policy);
            let valid = changed && plan(&next, &next_policy).is_ok();
            (valid && fails(&next, &next_policy)).then_some((next, next_policy))
        });
        match smaller {
            Some(smaller) => (input, policy) = smaller,
            None => return (input, policy),
        }
    }
}

/// Each of so many entries of a list taken away.
fn without_one<T: 'static>(
    changes: &mut Vec<Change>,
    entries: usize,
    list: fn(&mut Input) -> &mut Vec<T>,
) {
    for at in 0..entries {
        changes.push(Box::new(move |input, _| {
            list(input).remove(at);
        }));
    }
}

fn changes(input: &Input) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for node in &input.nodes {
        let id = node.id;
        changes.push(Box::new(move |input, _| {
            input.nodes.retain(|node| node.id != id);
            input.shards.retain(|shard| shard.owner != id);
        }));
    }
    without_one(&mut changes, input.shards.len(), |input| &mut input.shards);
    without_one(&mut changes, input.in_flight.len(), |input| {
        &mut input.in_flight
    });
    without_one(&mut changes, input.cleanups.len(), |input| {
        &mut input.cleanups
    });
    without_one(&mut changes, input.cooling.len(), |input| {
        &mut input.cooling
    });
    without_one(&mut changes, input.quarantined.len(), |input| {
        &mut input.quarantined
    });
    changes.extend(policies());
    for at in 0..input.nodes.len() {
        changes.extend(node_changes(at));
    }
    for at in 0..input.shards.len() {
        changes.extend(shard_changes(at));
    }
    changes
}

fn policies() -> Vec<Change> {
    vec![
        Box::new(|_, policy| *policy = policy.clone().with_max_moves(None)),
        Box::new(|_, policy| *policy = policy.clone().with_max_bytes(None)),
        Box::new(|_, policy| *policy = policy.clone().with_max_in_flight(None).unwrap()),
        Box::new(|_, policy| *policy = policy.clone().with_limits(None, None).unwrap()),
        Box::new(|_, policy| *policy = policy.clone().with_min_gain_per_mib(0)),
        Box::new(|_, policy| *policy = policy.clone().charging_both_ends(true)),
        Box::new(|_, policy| *policy = policy.clone().with_min_zones_per_group(1)),
        Box::new(|_, policy| {
            let of = policy.clone();
            let (trigger, target) = (of.trigger_ppm(), of.target_ppm());
            let mut fewer = Policy::new(of.balance(), trigger, target).unwrap();
            let further = of.priorities().len().saturating_sub(1);
            for resource in of.priorities().iter().take(further).skip(1) {
                fewer = fewer.then(*resource).unwrap();
            }
            *policy = fewer
                .with_max_moves(of.max_moves())
                .with_max_bytes(of.max_bytes())
                .with_max_in_flight(of.max_in_flight())
                .unwrap()
                .with_limits(of.max_in_per_node(), of.max_out_per_node())
                .unwrap()
                .with_min_gain_per_mib(of.min_gain_per_mib())
                .charging_both_ends(of.charges_both_ends())
                .with_min_zones_per_group(of.min_zones_per_group());
        }),
    ]
}

fn node_changes(at: usize) -> Vec<Change> {
    vec![
        Box::new(move |input, _| input.nodes[at].capacity = PerResource::default()),
        Box::new(move |input, _| input.nodes[at].weight = 1),
        Box::new(move |input, _| input.nodes[at].zone = None),
        Box::new(move |input, _| input.nodes[at].state = Availability::Active),
    ]
}

fn shard_changes(at: usize) -> Vec<Change> {
    let mut changes: Vec<Change> = vec![
        Box::new(move |input, _| input.shards[at].group = None),
        Box::new(move |input, _| input.shards[at].pinned = false),
        Box::new(move |input, _| input.shards[at].allowed.clear()),
        Box::new(move |input, _| input.shards[at].disallowed.clear()),
        Box::new(move |input, _| input.shards[at].replicas.clear()),
    ];
    for index in 1..5 {
        for smaller in [
            |_| 0,
            |w| w / 2,
            |w: u64| {
                if w > 64 {
                    w / 4 * 3
                } else {
                    w.saturating_sub(1)
                }
            },
        ] {
            changes.push(Box::new(move |input, _| {
                if let Some(resource) = input.resources.iter().nth(index) {
                    let weights = input.shards[at].weights.clone();
                    let less = smaller(weights.get(resource));
                    input.shards[at].weights = weights.with(resource, less);
                }
            }));
        }
    }
    changes
}
