use super::PlanViolation;
use super::aims::Aim;
use super::world::World;
use crate::planner::{NodeInput, Resource, ShardInput};

/// The shard, the donor and the receiver of a move.
pub(super) type Parties<'a> = (&'a ShardInput, &'a NodeInput, &'a NodeInput);

/// Checks a move that balances `resource`, as the nodes are when it is made.
pub(super) fn check(
    world: &World<'_>,
    aims: &[Aim],
    at: usize,
    parties: Parties<'_>,
    resource: Resource,
    found: &mut Vec<PlanViolation>,
) {
    let Some(rank) = aims.iter().position(|aim| aim.resource == resource) else {
        found.push(PlanViolation::NotBalanced { at, resource });
        return;
    };
    let (higher, rest) = aims.split_at(rank);
    for aim in higher {
        let (before, after) = distances(world, aim, parties);
        if after > before {
            found.push(PlanViolation::Worsens {
                at,
                resource,
                first: aim.resource,
                before,
                after,
            });
        }
    }
    if let Some(aim) = rest.first() {
        gains(world, aim, at, parties, found);
    }
}

/// How far donor and receiver are from their bands, in sum, before and after the move.
fn distances(world: &World<'_>, aim: &Aim, (shard, from, to): Parties<'_>) -> (u128, u128) {
    let weight = u128::from(shard.weights.get(aim.resource));
    let donor = world.load(from.id, aim.resource);
    let receiver = world.load(to.id, aim.resource);
    let sum = |donor, receiver| {
        let donor: u128 = aim.band(from.id).distance(donor);
        donor.saturating_add(aim.band(to.id).distance(receiver))
    };
    let after = sum(
        donor.saturating_sub(weight),
        receiver.saturating_add(weight),
    );
    (sum(donor, receiver), after)
}

fn gains(
    world: &World<'_>,
    aim: &Aim,
    at: usize,
    parties: Parties<'_>,
    found: &mut Vec<PlanViolation>,
) {
    let (shard, from, to) = parties;
    let resource = aim.resource;
    let weight = u128::from(shard.weights.get(resource));
    let donor = world.load(from.id, resource);
    let filled = world.load(to.id, resource).saturating_add(weight);
    let level = |load: u128, other: &NodeInput| load.saturating_mul(other.weight.into());
    if level(filled, from) > level(donor, to) {
        found.push(PlanViolation::AboveDonor {
            at,
            resource,
            from: from.id,
            before: donor,
            to: to.id,
            after: filled,
        });
    }
    let (before, after) = distances(world, aim, parties);
    if after >= before {
        found.push(PlanViolation::NoGain {
            at,
            resource,
            from: from.id,
            to: to.id,
            before,
            after,
        });
    }
    let gain = before.saturating_sub(after);
    let (bytes, least) = (world.bytes(shard), world.policy.min_gain_per_mib());
    if gain.saturating_mul(1 << 20) < u128::from(least).saturating_mul(bytes.into()) {
        found.push(PlanViolation::LittleGain {
            at,
            resource,
            gain,
            bytes,
            least,
        });
    }
}
