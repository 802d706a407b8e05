use std::cmp::{Ordering, Reverse};

use super::cluster::{Node, Shard};
use super::schedule::Schedule;
use super::{Availability, MoveReason};

/// The shards that are to leave draining nodes, heaviest first: what is hardest to place is placed
/// while there is most room, and the sources take turns.
pub(super) fn evacuees<'s, 'a, 'n>(
    shards: &'s [Shard<'a, 'n>],
    schedule: &Schedule,
) -> Vec<&'s Shard<'a, 'n>> {
    let mut evacuees: Vec<_> = shards
        .iter()
        .filter(|shard| shard.owner.is(Availability::Draining) && shard.is_movable())
        .collect();
    evacuees.sort_by_key(|shard| (Reverse(schedule.weight(shard)), shard.input.id));
    evacuees
}

/// Moves each of `evacuees` that an active node takes, to the node that is then least full.
/// Those that nobody takes remain. Answers whether something moved.
pub(super) fn evacuate(
    evacuees: &mut Vec<&Shard<'_, '_>>,
    active: &[&Node<'_>],
    schedule: &mut Schedule,
) -> bool {
    let before = evacuees.len();
    evacuees.retain(|shard| {
        if schedule.is_full() {
            return true;
        }
        let Some(to) = least_full(shard, active, schedule) else {
            return true;
        };
        schedule.push(shard, to, MoveReason::Drain);
        false
    });
    evacuees.len() < before
}

fn least_full<'n, 'a>(
    shard: &Shard<'_, '_>,
    active: &[&'n Node<'a>],
    schedule: &Schedule,
) -> Option<&'n Node<'a>> {
    let weight = u128::from(schedule.weight(shard));
    let mut best: Option<(&Node<'_>, u128)> = None;
    for &node in active {
        let load = schedule.load(node).saturating_add(weight);
        let better = best.is_none_or(|(best, best_load)| {
            node.cmp_level(load, best, best_load) == Ordering::Less
        });
        if better && schedule.refusal(shard, node).is_none() {
            best = Some((node, load));
        }
    }
    best.map(|(node, _)| node)
}
