use super::again::complete;
use super::aim::Aim;
use super::cluster::Cluster;
use super::column::NodeAt;
use super::draft::{Draft, proven};
use super::explain::{nodes_left, shards_left};
use super::place::{Forced, place};
use super::sequence::{Limits, Sequence};
use super::world::World;
use super::{Availability, Input, NodeLoad, PerResource, Plan, PlanError, Policy, Warning};
use crate::schema::ShardId;

/// How often a plan is made anew because its bands are not those of where it ends.
const ROUNDS: usize = 8;

/// Plans the moves that put right what must not be and bring the active nodes into their bands.
///
/// The same input and policy give the same plan. With the moves of the plan in flight there is nothing
/// more to do. With them done neither, but for what begins with a shard that the plan has moved and that
/// could then go on: a plan moves a shard once.
///
/// # Errors
///
/// The input contradicts itself: a duplicate or unknown id, a node weight out of range; or the policy
/// names a resource that it does not have.
pub fn plan(input: &Input, policy: &Policy) -> Result<Plan, PlanError> {
    let cluster = Cluster::new(input, policy)?;
    let start = World::new(&cluster);
    let draft = complete(&start, settled(&start));
    let Draft {
        aims,
        forced,
        mut made,
        mut least,
    } = draft;
    let first = aims.first();
    if first.is_some_and(|aim| aim.is_open && !is_acted_on(&made, aim)) {
        // The balance that was thought to be needed is not.
        least = proven(&start, None, &forced);
    }
    if let Some(limits) = Limits::of(&start) {
        made = made.within(limits, &start, &forced, &aims);
    }
    let (end, is_cut) = (&made.end, made.is_cut);
    let mut left = shards_left(end, &forced, is_cut);
    for aim in &aims {
        if is_acted_on(&made, aim) {
            left.extend(nodes_left(end, aim, is_cut));
        }
    }
    Ok(Plan {
        total_bytes: made.moves.iter().map(|step| u128::from(step.bytes)).sum(),
        lower_bound_moves: least.moves,
        lower_bound_bytes: least.bytes,
        loads: loads(&start, end, &aims),
        left,
        warnings: warnings(input, &start),
        moves: made.moves,
    })
}

/// A plan whose bands are those of where it ends: where the forced moves and the shards that fit into no
/// band end decides what the others share.
pub(super) fn settled<'a>(start: &World<'a>) -> Draft<'a> {
    let mut placed = start.clone();
    let mut forced = Forced::new();
    place(&mut placed, &mut forced);
    let mut draft = Draft::new(start, &placed, forced.clone(), std::iter::empty());
    for round in 0..ROUNDS {
        let after = aims_of(&draft.made.end);
        if are_alike(&after, &draft.aims) {
            break;
        }
        let given = if round < ROUNDS / 2 { 1 } else { after.len() };
        draft = Draft::new(
            start,
            &placed,
            forced.clone(),
            after.into_iter().take(given),
        );
    }
    draft
}

/// Where the active nodes should be in each resource that is balanced, as the shards are now.
pub(super) fn aims_of(world: &World<'_>) -> Vec<Aim> {
    let priorities = world.policy.priorities().iter();
    priorities.map(|one| Aim::new(world, *one)).collect()
}

pub(super) fn are_alike(some: &[Aim], others: &[Aim]) -> bool {
    let mut pairs = some.iter().zip(others);
    pairs.all(|(one, other)| one.is_like(other))
}

/// Whether the nodes are to be where `aim` says: something was moved for it, or would have to be.
pub(super) fn is_acted_on(made: &Sequence<'_>, aim: &Aim) -> bool {
    let mut moves = made.moves.iter();
    moves.any(|one| one.reason.resource() == Some(aim.resource)) || aim.is_triggered(&made.end)
}

fn loads(start: &World<'_>, end: &World<'_>, aims: &[Aim]) -> Vec<NodeLoad> {
    let load = |node: NodeAt| NodeLoad {
        node: start.nodes[node].id,
        before: PerResource::from_slice(start.loads(node)),
        after: PerResource::from_slice(end.loads(node)),
        bands: if start.is(node, Availability::Active) {
            aims.iter().map(|aim| aim.band(node)).collect()
        } else {
            Vec::new()
        },
    };
    start.nodes.places().map(load).collect()
}

fn warnings(input: &Input, start: &World<'_>) -> Vec<Warning> {
    let listed = |id| start.find_shard(id).is_some();
    let unknown = input
        .in_flight
        .iter()
        .filter(|moving| !listed(moving.shard));
    let mut unknown: Vec<ShardId> = unknown.map(|moving| moving.shard).collect();
    unknown.sort_unstable();
    let unknown = unknown.into_iter();
    let mut warnings: Vec<Warning> = unknown
        .map(|shard| Warning::UnknownInFlight { shard })
        .collect();
    let active = start.active.iter();
    let mut zones: Vec<u32> = active.map(|node| start.groups.zone(*node)).collect();
    zones.sort_unstable();
    zones.dedup();
    let (zones, wanted) = (zones.len(), start.policy.min_zones_per_group());
    if usize::try_from(wanted).is_ok_and(|wanted| wanted > zones) && start.groups.are_there() {
        let zones = u32::try_from(zones).unwrap_or(u32::MAX);
        warnings.push(Warning::TooFewZones { zones, wanted });
    }
    warnings
}
