//! A plan for given bands: which shards go where, and in which order.

use super::Availability;
use super::aim::{Aim, helps};
use super::assign::assign;
use super::bound::{Bound, bound, is_certain};
use super::column::{Column, NodeAt, ShardAt};
use super::cover::Covers;
use super::giants::host;
use super::homes::Homes;
use super::improve::{prune, redirect};
use super::place::{Forced, is_waiting, place, place_anew};
use super::relax::Relax;
use super::sequence::{Limits, Sequence};
use super::settle::settled;
use super::shed::shed;
use super::small::search;
use super::world::World;

/// A plan that is above the proven minimum by no more than this part of it is not made in another way.
const CLOSE_PART: usize = 128;

/// How often a draft is brought into an order again after what the order left open was put right.
const ROUNDS: usize = 8;

/// How many moves are looked at one by one.
const STEPS: usize = 64;

/// Of plans with more moves than this, none is: each would take an order of all.
const MOVED_MAX: usize = 256;

pub(super) struct Draft<'a> {
    pub(super) aims: Vec<Aim>,
    pub(super) forced: Forced,
    pub(super) made: Sequence<'a>,
    /// The proven minimum.
    pub(super) least: Bound,
}

impl<'a> Draft<'a> {
    /// `placed` is the cluster after the `forced` moves. The resources without a `given` aim are brought
    /// to where they should be once those before them are.
    pub(super) fn new(
        start: &World<'a>,
        placed: &World<'a>,
        mut forced: Forced,
        mut given: impl Iterator<Item = Aim>,
    ) -> Self {
        let mut world = placed.clone();
        let mut least = Bound::default();
        let mut aims: Vec<Aim> = Vec::new();
        for resource in start.policy.priorities() {
            let given = given.next();
            let mut aim = given.unwrap_or_else(|| match aims.as_slice() {
                [] => settled(&world, *resource),
                [..] => Aim::new(&world, *resource),
            });
            aim.is_open = aim.is_triggered(&world);
            if aims.is_empty() && !aim.is_open {
                least = proven(start, None, &forced);
            } else if aims.is_empty() {
                let mut homes = Homes::new(start);
                let covers = covers(start, &aim, &forced, &homes);
                let covers = covers.as_ref();
                least = bound(start, Some((&aim, covers)), &forced, &mut homes);
                let shards = (&mut homes, covers);
                world = balance(start, world, &aim, &forced, shards, least.moves);
            } else if aim.is_open {
                let mut homes = Homes::new(&world);
                let relax = Relax::to(&aim).keeping(&aims);
                relax.run(&mut world, &mut homes);
            }
            aims.push(aim);
            if aims.len() < start.policy.priorities().len() {
                // What comes next is brought to where it should be from where this one really gets.
                world = made_anew(start, &world, &forced, &aims).end;
            }
        }
        let mut made = made_anew(start, &world, &forced, &aims);
        for _ in 0..ROUNDS {
            // What the order left open may be put right by shards that have not moved: after the others,
            // or, if something has to move, before.
            world = made.end.clone();
            let before = world.moved().count();
            place(&mut world, &mut forced);
            let is_placed = world.moved().count() > before;
            if is_placed || relax_all(&mut world, &mut aims, false) {
                let anew = is_placed.then(|| made_anew(start, &world, &forced, &aims));
                made.extend(&world, &forced, &aims);
                let missing = |made: &Sequence<'_>| Missing::of(&made.end, &forced, &aims).shards;
                made = anew
                    .filter(|anew| missing(anew) <= missing(&made))
                    .unwrap_or(made);
                continue;
            }
            // Or by moving on what has.
            let better = |anew: &Sequence<'_>, forced: &Forced, aims: &[Aim]| {
                Missing::of(&anew.end, forced, aims) < Missing::of(&made.end, forced, aims)
            };
            let is_placed = place_anew(&mut world, &mut forced);
            if relax_all(&mut world, &mut aims, true) || is_placed {
                let anew = made_anew(start, &world, &forced, &aims);
                if better(&anew, &forced, &aims) {
                    made = anew;
                    continue;
                }
            }
            // One by one, where that is not too much.
            let steps = single_steps(&made.end, &aims);
            let one = steps.into_iter().find_map(|(shard, to)| {
                let mut world = made.end.clone();
                world.put(shard, to);
                let anew = made_anew(start, &world, &forced, &aims);
                better(&anew, &forced, &aims).then_some(anew)
            });
            let Some(anew) = one else {
                break;
            };
            made = anew;
        }
        Self {
            aims,
            forced,
            made,
            least,
        }
    }
}

/// The proven minimum of a plan that balances by `aim`, or by none.
pub(super) fn proven(start: &World<'_>, aim: Option<&Aim>, forced: &Forced) -> Bound {
    let mut homes = Homes::new(start);
    let Some(aim) = aim else {
        return bound(start, None, forced, &mut homes);
    };
    let covers = covers(start, aim, forced, &homes);
    bound(start, Some((aim, covers.as_ref())), forced, &mut homes)
}

fn covers(start: &World<'_>, aim: &Aim, forced: &Forced, homes: &Homes) -> Option<Covers> {
    // Where nothing has to leave, no shard is looked up.
    let mut leaves = Column::of(start.nodes.len(), false);
    for shard in forced.keys() {
        leaves[start.at(*shard)] = true;
    }
    let must_leave = |shard| leaves[start.at(shard)] && is_certain(start, forced, shard);
    Covers::new(start, aim, &must_leave, homes)
}

/// What a plan does not reach: the less the better.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Missing {
    /// Shards that should have moved.
    shards: usize,
    /// How far the nodes are outside their bands, aim by aim.
    distances: Vec<u128>,
}

impl Missing {
    fn of(world: &World<'_>, forced: &Forced, aims: &[Aim]) -> Self {
        let waiting = forced.iter();
        let waiting = waiting.filter(|(shard, cause)| is_waiting(world, **shard, **cause));
        let distance = |aim: &Aim| {
            let outside = aim.outside(world);
            let distance = |node| aim.excess(world, node).max(aim.lack(world, node));
            outside.map(distance).fold(0, u128::saturating_add)
        };
        Self {
            shards: waiting.count(),
            distances: aims
                .iter()
                .filter(|aim| aim.is_open)
                .map(distance)
                .collect(),
        }
    }
}

/// The moves of shards that have moved which would help by themselves, if there are few.
fn single_steps(world: &World<'_>, aims: &[Aim]) -> Vec<(ShardAt, NodeAt)> {
    let mut steps = Vec::new();
    if world.moved().nth(MOVED_MAX).is_some() {
        return steps;
    }
    for shard in world.moved() {
        for to in world.active.iter().copied() {
            let from = world.at(shard);
            let is_active = world.is(from, Availability::Active);
            if steps.len() < STEPS
                && from != to
                && is_active
                && helps(world, aims, shard, to)
                && world.refusal(shard, to).is_none()
            {
                steps.push((shard, to));
            }
        }
    }
    steps
}

fn made_anew<'a>(
    start: &World<'a>,
    draft: &World<'a>,
    forced: &Forced,
    aims: &[Aim],
) -> Sequence<'a> {
    let mut made = Sequence::new(start, Limits::default());
    made.extend(draft, forced, aims);
    made
}

/// Makes every move that helps an open balance. Answers whether something moved.
fn relax_all(world: &mut World<'_>, aims: &mut [Aim], moves_on: bool) -> bool {
    let mut any = false;
    loop {
        let mut moved = false;
        for rank in 0..aims.len() {
            let (kept, rest) = aims.split_at_mut(rank);
            let Some(aim) = rest.first_mut() else {
                break;
            };
            aim.is_open |= aim.is_triggered(world);
            if aim.is_open && aim.outside(world).next().is_some() {
                let mut homes = Homes::new(world);
                let relax = Relax::to(aim).keeping(kept).moving_on(moves_on);
                moved |= relax.run(world, &mut homes);
            }
        }
        any |= moved;
        if !moved || aims.len() < 2 {
            return any;
        }
    }
}

/// Brings the nodes into their bands; `least` is the proven minimum of moves.
fn balance<'a>(
    start: &World<'a>,
    base: World<'a>,
    aim: &Aim,
    forced: &Forced,
    (homes, covers): (&mut Homes, Option<&Covers>),
    least: usize,
) -> World<'a> {
    let made = base.moved().count();
    let close = least / CLOSE_PART;
    let least = least.saturating_sub(made);
    let count = |world: &World<'a>| world.moved().count().saturating_sub(made);
    let mut world = spread(base.clone(), aim, forced, homes);
    if let Some(covers) = covers
        && count(&world).saturating_sub(least) > close
    {
        let mut hosted = base.clone();
        if host(&mut hosted, aim, covers) {
            let spread = spread(hosted, aim, forced, homes);
            let other = in_order(start, spread, aim, forced);
            let rank = |world: &World<'a>| {
                let missing = Missing::of(world, forced, std::slice::from_ref(aim));
                (missing, count(world))
            };
            if rank(&other) < rank(&world) {
                world = other;
            }
        }
    }
    let moves = count(&world);
    let reached = aim.outside(&world).next().is_none();
    // One that reaches what this one does not may have a few moves more.
    let most = if reached { moves } else { moves + 3 };
    let has_an_order = |found: &World<'a>| {
        let made = made_anew(start, found, forced, std::slice::from_ref(aim));
        made.end.moved().count() == found.moved().count()
    };
    let found = search(&base, aim, (least, most), &has_an_order);
    found.unwrap_or(world)
}

/// What shards leave and where they go.
fn spread<'a>(mut world: World<'a>, aim: &Aim, forced: &Forced, homes: &mut Homes) -> World<'a> {
    if let Some(lightest) = aim.oversized() {
        // What fits into no band goes where it does most good, before anything makes up for it.
        let relax = Relax::to(aim).only_from(lightest);
        relax.run(&mut world, homes);
    }
    let pool = shed(&world, aim, homes);
    assign(&mut world, aim, &pool);
    redirect(&mut world, aim, &pool);
    Relax::to(aim).run(&mut world, homes);
    prune(&mut world, aim, forced);
    world
}

/// What has an order of it, and what still helps from there.
fn in_order<'a>(start: &World<'a>, world: World<'a>, aim: &Aim, forced: &Forced) -> World<'a> {
    let made = made_anew(start, &world, forced, std::slice::from_ref(aim));
    let mut end = made.end;
    if end.moved().count() < world.moved().count() {
        let mut homes = Homes::new(&end);
        Relax::to(aim).run(&mut end, &mut homes);
        prune(&mut end, aim, forced);
    }
    end
}
