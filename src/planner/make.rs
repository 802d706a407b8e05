use super::aim::Aim;
use super::assign::assign;
use super::bound::{Bound, bound};
use super::column::{NodeAt, ShardAt};
use super::explain::{nodes_left, shards_left};
use super::homes::Homes;
use super::improve::{prune, redirect};
use super::place::{Forced, place, place_again};
use super::relax::Relax;
use super::sequence::{Sequence, sequence};
use super::shed::shed;
use super::small::search;
use super::world::World;
use super::{Availability, Input, NodeLoad, PerResource, Plan, PlanError, Policy, Warning};

/// How often a plan is brought into an order again after what the order left open was put right.
const ROUNDS: usize = 8;

/// Plans the moves that put right what must not be and bring the active nodes into their bands.
///
/// The same input and policy give the same plan. With the moves of the plan in flight, or done, there
/// is nothing more to do.
///
/// # Errors
///
/// The input contradicts itself: a duplicate or unknown id, a node weight out of range; or the policy
/// names a resource that it does not have.
pub fn plan(input: &Input, policy: &Policy) -> Result<Plan, PlanError> {
    let start = World::new(input, policy)?;
    let mut draft = start.clone();
    let forced = place(&mut draft, policy.balance());
    let mut aims: Vec<Aim> = Vec::new();
    let mut least = Bound::default();
    for resource in policy.priorities() {
        let trigger = Aim::new(&draft, *resource, policy.trigger_ppm());
        let mut aim = Aim::new(&draft, *resource, policy.target_ppm());
        aim.acts = trigger.outside(&draft).next().is_some();
        if aims.is_empty() {
            if aim.acts {
                aim = spread_oversized(&mut draft, aim);
            }
            least = bound(&start, &aim, &forced, &mut Homes::new(&start));
        }
        if aim.acts && aims.is_empty() {
            draft = balance(draft, &aim, &forced, least.moves);
        } else if aim.acts {
            let mut homes = Homes::new(&draft);
            Relax::to(&aim).keeping(&aims).run(&mut draft, &mut homes);
        }
        aims.push(aim);
    }
    let Sequence { moves, end, is_cut } = settle(&start, draft, &forced, &aims);
    let mut left = shards_left(&end, &forced, is_cut);
    for aim in aims.iter().filter(|aim| aim.acts) {
        left.extend(nodes_left(&end, aim, is_cut));
    }
    Ok(Plan {
        total_bytes: moves.iter().map(|step| u128::from(step.bytes)).sum(),
        lower_bound_moves: least.moves,
        lower_bound_bytes: least.bytes,
        loads: loads(&start, &end, &aims),
        left,
        warnings: warnings(input, &start),
        moves,
    })
}

/// Moves shards that fit into no band to where they do most good, before anything is moved to make up
/// for them. Where they are then decides what the others share.
fn spread_oversized(draft: &mut World<'_>, mut aim: Aim) -> Aim {
    for _ in 0..ROUNDS {
        let Some(lightest) = aim.oversized() else {
            break;
        };
        let oversized = |shard: &ShardAt| aim.weight(draft, *shard) >= lightest;
        if !draft.shards.places().any(|shard| oversized(&shard)) {
            break;
        }
        let mut homes = Homes::new(draft);
        if !Relax::to(&aim).only_from(lightest).run(draft, &mut homes) {
            break;
        }
        aim = Aim::new(draft, aim.resource, draft.policy.target_ppm());
        aim.acts = true;
    }
    aim
}

/// Brings the nodes into their bands; `least` is the proven minimum of moves.
fn balance<'a>(base: World<'a>, aim: &Aim, forced: &Forced, least: usize) -> World<'a> {
    let count = |world: &World<'_>| {
        world
            .shards
            .places()
            .filter(|one| world.is_moved(*one))
            .count()
    };
    let made = count(&base);
    let mut draft = base.clone();
    let mut homes = Homes::new(&draft);
    let pool = shed(&draft, aim, &mut homes);
    assign(&mut draft, aim, &pool);
    redirect(&mut draft, aim, &pool);
    Relax::to(aim).run(&mut draft, &mut homes);
    prune(&mut draft, aim, forced);
    let moves = count(&draft).saturating_sub(made);
    let least = least.saturating_sub(made);
    let reached = aim.outside(&draft).next().is_none();
    // One that reaches what this one does not may have a few moves more.
    let most = if reached { moves } else { moves + 3 };
    search(&base, aim, least, most).unwrap_or(draft)
}

/// Brings the draft into an order, and puts right what that left open.
fn settle<'a>(
    start: &World<'a>,
    mut draft: World<'a>,
    forced: &Forced,
    aims: &[Aim],
) -> Sequence<'a> {
    let mut made = sequence(start, &draft, forced, aims);
    for _ in 0..ROUNDS {
        if made.is_cut {
            break;
        }
        draft = made.end.clone();
        let mut moved = place_again(&mut draft, start.policy.balance(), forced);
        for (rank, aim) in aims.iter().enumerate() {
            if aim.acts && aim.outside(&draft).next().is_some() {
                let mut homes = Homes::new(&draft);
                let kept = aims.get(..rank).unwrap_or_default();
                moved |= Relax::to(aim)
                    .keeping(kept)
                    .moving_on()
                    .run(&mut draft, &mut homes);
            }
        }
        if !moved {
            break;
        }
        made = sequence(start, &draft, forced, aims);
    }
    made
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
    let listed = |id| {
        start
            .shards
            .values()
            .binary_search_by_key(&id, |shard| shard.id)
            .is_ok()
    };
    let unknown = input
        .in_flight
        .iter()
        .filter(|moving| !listed(moving.shard));
    let mut warnings: Vec<Warning> = unknown
        .map(|moving| Warning::UnknownInFlight {
            shard: moving.shard,
        })
        .collect();
    let mut zones: Vec<u32> = start
        .nodes_in(Availability::Active)
        .map(|node| start.groups().zone(node))
        .collect();
    zones.sort_unstable();
    zones.dedup();
    let (zones, wanted) = (zones.len(), start.policy.min_zones_per_group());
    if usize::try_from(wanted).is_ok_and(|wanted| wanted > zones) && start.groups().are_there() {
        let zones = u32::try_from(zones).unwrap_or(u32::MAX);
        warnings.push(Warning::TooFewZones { zones, wanted });
    }
    warnings
}
