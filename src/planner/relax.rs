use std::cmp::Ordering;

use super::MoveReason;
use super::cluster::{Node, Shard};
use super::home::{Home, gain};
use super::schedule::Schedule;

/// Makes every move that helps, also those that leave donor or receiver outside its band: shards
/// too coarse for the bands still go where they do most good. Looks at every shard and receiver
/// that can matter, so that a pass that moves nothing proves that nothing helps any more. Answers
/// whether something moved.
///
/// Only shards of at least `lightest` are considered.
pub(super) fn relax(
    homes: &mut [Home<'_, '_, '_>],
    lightest: u64,
    schedule: &mut Schedule,
) -> bool {
    let nodes: Vec<&Node<'_>> = homes.iter().map(|home| home.node).collect();
    let mut donors: Vec<&mut Home<'_, '_, '_>> = homes.iter_mut().collect();
    donors.sort_by(|a, b| {
        let (a_load, b_load) = (schedule.load(a.node), schedule.load(b.node));
        b.node.cmp_level(b_load, a.node, a_load)
    });
    let before = schedule.moves.len();
    for donor in donors {
        let heaviest_first: Vec<_> = donor.within(lightest..=u64::MAX).rev().collect();
        let mut receivers = receivers(donor.node, &nodes, schedule);
        for shard in heaviest_first {
            if receivers.is_empty() || schedule.is_full() {
                break;
            }
            if let Some(to) = best(donor.node, shard, &receivers, schedule) {
                let reason = reason(donor.node, to, schedule);
                donor.give(shard, to, reason, schedule);
                receivers = self::receivers(donor.node, &nodes, schedule);
            }
        }
    }
    schedule.moves.len() > before
}

/// Whom a move from `donor` can help: all, if the donor is above its band, else those below theirs.
pub(super) fn receivers<'n, 'a>(
    donor: &Node<'_>,
    nodes: &[&'n Node<'a>],
    schedule: &Schedule,
) -> Vec<&'n Node<'a>> {
    let above = schedule.load(donor) > donor.band.get().most;
    nodes
        .iter()
        .filter(|node| above || schedule.load(node) < node.band.get().least)
        .copied()
        .collect()
}

fn best<'n, 'a>(
    from: &Node<'_>,
    shard: &Shard<'_, '_>,
    receivers: &[&'n Node<'a>],
    schedule: &Schedule,
) -> Option<&'n Node<'a>> {
    let weight = schedule.weight(shard);
    let mut best: Option<(&Node<'_>, u128)> = None;
    for &node in receivers {
        let Some(gain) = gain(from, node, weight, schedule) else {
            continue;
        };
        let better = best.is_none_or(|(best, best_gain)| {
            gain.cmp(&best_gain)
                .then_with(|| best.cmp_level(schedule.load(best), node, schedule.load(node)))
                == Ordering::Greater
        });
        if better && schedule.refusal(shard, node).is_none() {
            best = Some((node, gain));
        }
    }
    best.map(|(node, _)| node)
}

fn reason(from: &Node<'_>, to: &Node<'_>, schedule: &Schedule) -> MoveReason {
    let (load, band) = (schedule.load(from), from.band.get());
    if load > band.most {
        return MoveReason::Above { load, band };
    }
    MoveReason::Below {
        load: schedule.load(to),
        band: to.band.get(),
    }
}
