use std::cmp::Ordering;

use super::MoveReason;
use super::cluster::{Node, Shard};
use super::home::{Home, as_weight, helps};
use super::schedule::Schedule;

/// Takes from the nodes above their band what is above, fullest node first, with few moves: one
/// shard that covers the excess if there is one (the lightest such), else the heaviest that is
/// below it. Donor and receiver both end inside the inner edge of their bands.
pub(super) fn shed(homes: &mut [Home<'_, '_, '_>], schedule: &mut Schedule) {
    let nodes: Vec<&Node<'_>> = homes.iter().map(|home| home.node).collect();
    let mut donors: Vec<&mut Home<'_, '_, '_>> = homes.iter_mut().collect();
    // What nobody takes now, nobody takes later in this pass: nodes only fill up. It returns to
    // its home at the end.
    let mut refused = Vec::new();
    while !schedule.is_full() {
        donors.retain(|home| schedule.load(home.node) > home.node.band.get().most);
        let fullest = donors.iter().enumerate().max_by(|(_, a), (_, b)| {
            let (a_load, b_load) = (schedule.load(a.node), schedule.load(b.node));
            a.node.cmp_level(a_load, b.node, b_load)
        });
        let Some((at, _)) = fullest else {
            break;
        };
        let Some(donor) = donors.get_mut(at) else {
            break;
        };
        let Some(shard) = next_shard(donor, &nodes, schedule) else {
            donors.swap_remove(at);
            continue;
        };
        match receiver(donor.node, shard, &nodes, schedule) {
            Some(to) => {
                let reason = MoveReason::Above {
                    load: schedule.load(donor.node),
                    band: donor.node.band.get(),
                };
                donor.give(shard, to, reason, schedule);
            }
            None => {
                let key = (schedule.weight(shard), shard.input.id);
                donor.movable.remove(&key);
                refused.push((key, shard));
            }
        }
    }
    for (key, shard) in refused {
        let home = homes
            .iter_mut()
            .find(|home| home.node.id() == shard.owner.id());
        if let Some(home) = home {
            home.movable.insert(key, shard);
        }
    }
}

/// The shard whose departure helps `donor` most.
fn next_shard<'s, 'a, 'n>(
    donor: &Home<'s, 'a, 'n>,
    nodes: &[&Node<'_>],
    schedule: &Schedule,
) -> Option<&'s Shard<'a, 'n>> {
    let load = schedule.load(donor.node);
    let band = donor.node.band.get();
    let excess = as_weight(load.saturating_sub(band.most));
    let spare = load.saturating_sub(band.least);
    let room = nodes
        .iter()
        .filter(|node| node.id() != donor.node.id())
        .map(|node| node.band.get().most.saturating_sub(schedule.load(node)))
        .max()?;
    let most = as_weight(spare.min(room));
    donor
        .within(excess..=most)
        .next()
        .or_else(|| donor.within(1..=most.min(excess)).next_back())
}

/// The node that is least full with `shard`, of those that stay within their bands.
fn receiver<'n, 'a>(
    from: &Node<'_>,
    shard: &Shard<'_, '_>,
    nodes: &[&'n Node<'a>],
    schedule: &Schedule,
) -> Option<&'n Node<'a>> {
    let weight = schedule.weight(shard);
    let mut best: Option<(&Node<'_>, u128)> = None;
    for &node in nodes {
        let load = schedule.load(node).saturating_add(u128::from(weight));
        let better = best.is_none_or(|(best, best_load)| {
            node.cmp_level(load, best, best_load) == Ordering::Less
        });
        if better
            && load <= node.band.get().most
            && helps(from, node, weight, schedule)
            && schedule.refusal(shard, node).is_none()
        {
            best = Some((node, load));
        }
    }
    best.map(|(node, _)| node)
}
