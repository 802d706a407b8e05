//! Any cluster and any policy: the planner refuses it or makes a plan that keeps I13, in which the
//! independent checker finds nothing but that it is not all that it could be; and the order of the input
//! means nothing.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use shardferry::planner::{
    Availability, CoolingShard, InFlightMove, Input, NodeInput, PerResource, Policy, Resource,
    Resources, ShardInput, invariant_i13_plan_is_safe, plan,
};
use shardferry::schema::GroupId;
use shardferry::{NodeId, ShardId};

/// An input has no more nodes than this, and four times as many shards.
const NODES_MAX: u8 = 12;

/// Plans what `input` says.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    if let Ok((cluster, policy)) = read(input) {
        look(&cluster, &policy);
    }
}

fn look(cluster: &Input, policy: &Policy) {
    let made = plan(cluster, policy);
    let mut reversed = cluster.clone();
    reversed.nodes.reverse();
    reversed.shards.reverse();
    reversed.in_flight.reverse();
    let again = plan(&reversed, policy);
    match made {
        Err(_) => assert!(again.is_err(), "refused in one order only"),
        Ok(made) => {
            assert_eq!(again.as_ref(), Ok(&made), "the order means nothing");
            let safe = invariant_i13_plan_is_safe(cluster, policy, &made);
            let mut found = safe.err().unwrap_or_default();
            found.retain(|violation| !violation.is_shortfall());
            assert_eq!(found, [], "{made:#?}\n{cluster:#?}\n{policy:?}");
        }
    }
}

/// The cluster and the policy that `input` says.
///
/// # Errors
/// None that says anything: where the bytes end, zeros follow.
pub fn read(input: &[u8]) -> Result<(Input, Policy)> {
    let u = &mut Unstructured::new(input);
    let resources = resources(u)?;
    let policy = policy(u, &resources)?;
    let nodes = u.int_in_range(0..=NODES_MAX)?;
    let shards = u.int_in_range(0..=4 * NODES_MAX)?;
    let mut cluster = Input::default();
    for id in 1..=nodes {
        cluster.nodes.push(node(u, &resources, id)?);
    }
    for id in 1..=shards {
        cluster.shards.push(shard(u, &resources, id, nodes)?);
    }
    cluster.resources = resources;
    while !u.is_empty() {
        other(u, &mut cluster, nodes, shards)?;
    }
    Ok((cluster, policy))
}

/// The standard list, one without bytes, or a longer one.
fn resources(u: &mut Unstructured<'_>) -> Result<Resources> {
    const NAMES: [&str; 6] = ["count", "cpu", "ram", "disk", "bytes", "iops"];
    let count = u.int_in_range(0..=2 * NAMES.len())?;
    let names = NAMES.iter().take(count).copied();
    // None, or too many: the standard list.
    Ok(if count > NAMES.len() {
        Resources::default()
    } else {
        Resources::new(names).unwrap_or_default()
    })
}

fn policy(u: &mut Unstructured<'_>, resources: &Resources) -> Result<Policy> {
    let all: Vec<Resource> = resources.iter().collect();
    // Most bands make sense.
    let target = u64::from(u16::arbitrary(u)?) * 4;
    let wider = u64::from(u16::arbitrary(u)?) * 4;
    let exact = u.int_in_range(0..=3_u8)? == 0;
    let (trigger, target) = if exact {
        (0, 0)
    } else {
        (target + wider, target)
    };
    let mut policy =
        Policy::new(*u.choose(&all)?, trigger, target).expect("a band within the limits");
    for _ in 0..u.int_in_range(0..=3_u8)? {
        // One that is balanced already is refused.
        policy = policy.clone().then(*u.choose(&all)?).unwrap_or(policy);
    }
    policy = policy
        .with_max_moves(limit(u)?)
        .with_max_bytes(limit(u)?.map(|limit| 100 * limit as u64))
        .charging_both_ends(u.int_in_range(0..=3_u8)? > 0)
        .with_min_zones_per_group(u.int_in_range(0..=4)?);
    if u.int_in_range(0..=7_u8)? == 0 {
        policy = policy.with_min_gain_per_mib(weight(u)?);
    }
    // A limit of 0 is refused; then there is none.
    let limited = policy.clone().with_max_in_flight(limit(u)?);
    policy = limited.unwrap_or(policy);
    let limited = policy.clone().with_limits(limit(u)?, limit(u)?);
    Ok(limited.unwrap_or(policy))
}

fn limit(u: &mut Unstructured<'_>) -> Result<Option<usize>> {
    let limit = u.int_in_range(0..=31_u8)?;
    Ok((limit < 8).then_some(usize::from(limit)))
}

/// Mostly small, now and then the largest there is.
fn weight(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u8::arbitrary(u)? {
        small @ 0..=199 => u64::from(small),
        large @ 200..=239 => u64::from(large) * 1000,
        240..=247 => u64::MAX,
        248..=251 => u64::MAX / 2,
        _ => u.arbitrary()?,
    })
}

fn node(u: &mut Unstructured<'_>, resources: &Resources, id: u8) -> Result<NodeInput> {
    let states = [
        Availability::Active,
        Availability::Active,
        Availability::Active,
        Availability::Draining,
        Availability::NoAccept,
        Availability::Down,
    ];
    let state = *u.choose(&states)?;
    let bits = u8::arbitrary(u)?;
    let mut capacity = PerResource::default();
    let rooms = u8::arbitrary(u)?;
    for resource in resources.iter() {
        if rooms >> resource.index() & 1 == 1 && rooms & 128 != 0 {
            capacity = capacity.with(resource, Some(weight(u)?));
        }
    }
    let weight = match bits >> 3 & 7 {
        0 => weight(u)?,
        1 => NodeInput::WEIGHT_MAX,
        2 => 3,
        _ => 1,
    };
    Ok(NodeInput {
        zone: (bits >> 6 > 1).then(|| format!("zone-{}", bits >> 6)),
        state,
        capacity,
        weight,
        ..NodeInput::new(NodeId(u64::from(id)))
    })
}

/// A node of the cluster, or, for the highest byte, one that is not there.
fn one_of(u: &mut Unstructured<'_>, nodes: u8) -> Result<NodeId> {
    let byte = u8::arbitrary(u)?;
    let known = u64::from(byte % nodes.max(1)) + 1;
    Ok(NodeId(if byte == u8::MAX { 99 } else { known }))
}

fn shard(u: &mut Unstructured<'_>, resources: &Resources, id: u8, nodes: u8) -> Result<ShardInput> {
    let owner = one_of(u, nodes)?;
    let mut weights = PerResource::default();
    for resource in resources.iter() {
        let used = match resource.name() {
            "count" => 1,
            _ => weight(u)?,
        };
        weights = weights.with(resource, used);
    }
    let bits = u8::arbitrary(u)?;
    let mut shard = ShardInput::new(ShardId(u64::from(id)), owner, weights);
    shard.pinned = bits & 15 == 1;
    if bits & 16 != 0 {
        shard.group = Some(GroupId(u64::from(bits & 3)));
    }
    for (bit, list) in [
        (32, &mut shard.replicas),
        (64, &mut shard.allowed),
        (128, &mut shard.disallowed),
    ] {
        if bits & bit != 0 {
            list.push(one_of(u, nodes)?);
        }
    }
    shard.replicas.retain(|replica| *replica != owner);
    Ok(shard)
}

/// Something beside nodes and shards; or the same node or shard twice, which is refused.
fn other(u: &mut Unstructured<'_>, cluster: &mut Input, nodes: u8, shards: u8) -> Result<()> {
    let kind = u.int_in_range(0..=63_u8)?;
    let node = one_of(u, nodes)?;
    let shard = ShardId(u64::from(u.int_in_range(1..=shards.saturating_add(2))?));
    match kind {
        0..=15 => cluster.cleanups.push((node, shard)),
        16..=31 => cluster.cooling.push(CoolingShard { shard, from: node }),
        32..=39 => cluster.quarantined.push(shard),
        40..=61 => {
            let of = cluster.shards.iter().find(|one| one.id == shard);
            let from = of.map_or(NodeId(1), |one| one.owner);
            let to = node;
            cluster.in_flight.push(InFlightMove { shard, from, to });
        }
        62 => cluster.nodes.extend(cluster.nodes.first().cloned()),
        _ => cluster.shards.extend(cluster.shards.first().cloned()),
    }
    Ok(())
}
