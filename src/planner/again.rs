//! What planning again would do is made a part of the plan.

use super::aim::Aim;
use super::cluster::When;
use super::column::{NodeAt, ShardAt};
use super::draft::{Draft, proven};
use super::explain::shards_left;
use super::make::{aims_of, are_alike, is_acted_on, settled};
use super::place::{Cause, Forced, is_waiting, place};
use super::sequence::{Limits, Sequence};
use super::world::World;
use super::{Move, MoveReason};

/// How often planning again may give more.
const ROUNDS: usize = 8;

/// How often the bands of a plan that goes on are looked for.
const BANDS_ROUNDS: usize = 4;

/// The plan with what planning again would do, with its moves done or in flight: shards that it has not
/// moved as well, and those that it has at once to where they would end. Ends where planning again gives
/// nothing, or nothing that finds a place in the order. What is left then begins with a shard that the
/// plan has moved, and would move on: a plan moves a shard once.
///
/// A plan that leaves nothing is one already, and so is one that moves nothing.
pub(super) fn complete<'a>(start: &World<'a>, mut draft: Draft<'a>) -> Draft<'a> {
    let mut is_first = true;
    for _ in 0..ROUNDS {
        let is_settled = is_settled(&draft);
        if is_settled && (draft.made.moves.is_empty() || !leaves_something(&draft)) {
            break;
        }
        let stages = [When::Done, When::Held, When::InFlight];
        let more = |when| More::after(&draft.made.end, when);
        let next = stages
            .into_iter()
            .find_map(|when| folded(start, &draft, more(when)?));
        let anew = || {
            let goal = draft.made.end.clone();
            let anew = reaching(start, &goal, &draft.forced);
            anew.or_else(|| is_first.then(|| forced_alone(start)))
        };
        let next = if is_settled { next } else { next.or_else(anew) };
        let Some(next) = next else {
            break;
        };
        is_first &= is_settled;
        draft = next;
    }
    draft
}

/// Whether the bands of a plan are those of where it ends.
fn is_settled(draft: &Draft<'_>) -> bool {
    are_alike(&aims_of(&draft.made.end), &draft.aims)
}

fn leaves_something(draft: &Draft<'_>) -> bool {
    let Draft {
        aims, forced, made, ..
    } = draft;
    let mut acted_on = aims.iter().filter(|aim| is_acted_on(made, aim));
    acted_on.any(|aim| aim.outside(&made.end).next().is_some())
        || !shards_left(&made.end, forced, false).is_empty()
}

/// What planning again would do.
#[derive(Default)]
struct More {
    moves: Vec<(ShardAt, NodeAt)>,
    forced: Forced,
}

impl More {
    /// With the moves that lead to `end` done, or in flight. `None`: nothing.
    fn after(end: &World<'_>, when: When) -> Option<Self> {
        let cluster = end.after(when);
        let Draft { made, forced, .. } = settled(&World::new(&cluster));
        let moved = made.end.moved();
        let moves: Vec<_> = moved.map(|shard| (shard, made.end.at(shard))).collect();
        (!moves.is_empty()).then_some(Self { moves, forced })
    }
}

/// The plan with these moves, if that gets it further.
fn folded<'a>(start: &World<'a>, draft: &Draft<'a>, more: More) -> Option<Draft<'a>> {
    let mut goal = draft.made.end.clone();
    // The same without moving on what has moved.
    let mut nearer = goal.clone();
    for (shard, to) in more.moves {
        goal.put(shard, to);
        if !nearer.is_moved(shard) {
            nearer.put(shard, to);
        }
    }
    let mut forced = draft.forced.clone();
    for (shard, cause) in more.forced {
        let known = forced.entry(shard).or_insert(cause);
        if matches!(known, Cause::InTheWayOf(_)) {
            *known = cause;
        }
    }
    let anew = |goal: &World<'a>| {
        let anew = reaching(start, goal, &forced);
        let gets_further =
            |next: &Draft<'_>| is_there(&next.made.end, goal) || missing(next) < missing(draft);
        anew.filter(gets_further)
    };
    let is_other = !is_there(&nearer, &draft.made.end);
    anew(&goal)
        .or_else(|| is_other.then(|| anew(&nearer)).flatten())
        .or_else(|| appended(start, draft, &nearer, &forced))
}

/// The order of moves to `goal`, as far as there is one, with the bands of where that ends.
fn reaching<'a>(start: &World<'a>, goal: &World<'a>, forced: &Forced) -> Option<Draft<'a>> {
    let mut aims = opened(aims_of(goal));
    for _ in 0..BANDS_ROUNDS {
        let mut made = Sequence::new(start, Limits::default());
        made.extend(goal, forced, &aims);
        let after = opened(aims_of(&made.end));
        if are_alike(&after, &aims) {
            return Some(drafted(start, aims, forced.clone(), made));
        }
        aims = after;
    }
    None
}

/// The plan, and after it the moves to `goal` of shards that it has not moved.
fn appended<'a>(
    start: &World<'a>,
    draft: &Draft<'a>,
    goal: &World<'a>,
    forced: &Forced,
) -> Option<Draft<'a>> {
    let aims = opened(draft.aims.clone());
    let mut made = draft.made.clone();
    made.extend(goal, forced, &aims);
    let new = made.moves.get(draft.made.moves.len()..).unwrap_or_default();
    // What has to leave for itself may come after nothing that balances and that it need not wait for.
    let has_to_come_first =
        |one: &Move| matches!(one.reason, MoveReason::Drain | MoveReason::Misplaced(_));
    let is_fine = !new.is_empty() && !new.iter().any(has_to_come_first);
    let next = drafted(start, aims, forced.clone(), made);
    (is_fine && is_settled(&next)).then_some(next)
}

/// What must not be is put right, and nothing else: its bands are those of where it ends, whatever they
/// are.
fn forced_alone<'a>(start: &World<'a>) -> Draft<'a> {
    let (mut placed, mut forced) = (start.clone(), Forced::new());
    place(&mut placed, &mut forced);
    let mut made = Sequence::new(start, Limits::default());
    made.extend(&placed, &forced, &[]);
    let aims = opened(aims_of(&made.end));
    drafted(start, aims, forced, made)
}

fn drafted<'a>(start: &World<'a>, aims: Vec<Aim>, forced: Forced, made: Sequence<'a>) -> Draft<'a> {
    let acted_on = aims.first().filter(|aim| is_acted_on(&made, aim));
    Draft {
        least: proven(start, acted_on, &forced),
        aims,
        forced,
        made,
    }
}

/// The order says when each balance begins: when a node is outside its trigger band.
fn opened(mut aims: Vec<Aim>) -> Vec<Aim> {
    for aim in &mut aims {
        aim.is_open = true;
    }
    aims
}

/// Whether every shard is where it is in `goal`.
fn is_there(end: &World<'_>, goal: &World<'_>) -> bool {
    let mut shards = end.shards.places();
    shards.all(|shard| end.at(shard) == goal.at(shard))
}

/// What a plan does not reach: shards that should have moved, and how far the nodes are outside their
/// bands, aim by aim.
fn missing(draft: &Draft<'_>) -> (usize, Vec<u128>) {
    let Draft {
        aims, forced, made, ..
    } = draft;
    let end = &made.end;
    let waiting = forced.iter();
    let waiting = waiting.filter(|(shard, cause)| is_waiting(end, **shard, **cause));
    let distance = |aim: &Aim| {
        let distance = |node| aim.excess(end, node).max(aim.lack(end, node));
        let outside = aim.outside(end).map(distance);
        outside.fold(0, u128::saturating_add)
    };
    let acted_on = aims.iter().filter(|aim| is_acted_on(made, aim));
    (waiting.count(), acted_on.map(distance).collect())
}
