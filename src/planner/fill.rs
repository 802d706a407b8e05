use std::cmp::Ordering;

use super::MoveReason;
use super::cluster::{Node, Shard};
use super::home::{Home, as_weight, helps};
use super::schedule::Schedule;

/// Gives to the nodes below their band what they lack, emptiest node first, from the fullest node
/// that has something suitable. Donor and receiver both end inside their bands.
pub(super) fn fill(homes: &mut [Home<'_, '_, '_>], schedule: &mut Schedule) {
    let mut waiting: Vec<&Node<'_>> = homes.iter().map(|home| home.node).collect();
    while !schedule.is_full() {
        waiting.retain(|node| schedule.load(node) < node.band.get().least);
        let emptiest = waiting
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| a.cmp_level(schedule.load(a), b, schedule.load(b)));
        let Some((at, &to)) = emptiest else {
            return;
        };
        if !fill_once(to, homes, schedule) {
            waiting.swap_remove(at);
        }
    }
}

fn fill_once(to: &Node<'_>, homes: &mut [Home<'_, '_, '_>], schedule: &mut Schedule) -> bool {
    let mut donors: Vec<&mut Home<'_, '_, '_>> = homes
        .iter_mut()
        .filter(|home| schedule.load(home.node) > home.node.band.get().least)
        .collect();
    loop {
        let fullest = donors.iter().enumerate().max_by(|(_, a), (_, b)| {
            let (a_load, b_load) = (schedule.load(a.node), schedule.load(b.node));
            a.node.cmp_level(a_load, b.node, b_load)
        });
        let Some((at, _)) = fullest else {
            return false;
        };
        let donor = donors.swap_remove(at);
        // The donors are visited fullest first: what does not help from here helps from no later
        // one either.
        let load = schedule.load(donor.node);
        if donor.node.cmp_level(load, to, schedule.load(to)) != Ordering::Greater {
            return false;
        }
        if let Some(shard) = suitable(donor, to, schedule) {
            let reason = MoveReason::Below {
                load: schedule.load(to),
                band: to.band.get(),
            };
            donor.give(shard, to, reason, schedule);
            return true;
        }
    }
}

/// The lightest shard that brings `to` into its band, else the heaviest that does not.
fn suitable<'s, 'a, 'n>(
    donor: &Home<'s, 'a, 'n>,
    to: &Node<'_>,
    schedule: &Schedule,
) -> Option<&'s Shard<'a, 'n>> {
    let (load, band) = (schedule.load(to), to.band.get());
    let need = as_weight(band.least.saturating_sub(load));
    let room = band.most.saturating_sub(load);
    let spare = schedule
        .load(donor.node)
        .saturating_sub(donor.node.band.get().least);
    let most = as_weight(spare.min(room));
    donor
        .within(need..=most)
        .chain(donor.within(1..=most.min(need.saturating_sub(1))).rev())
        .find(|shard| {
            helps(donor.node, to, schedule.weight(shard), schedule)
                && schedule.refusal(shard, to).is_none()
        })
}
