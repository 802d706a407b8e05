use super::cluster::{Node, Shard, Stay};
use super::home::{Home, gain};
use super::relax::receivers;
use super::schedule::Schedule;
use super::{Availability, Input, Left, Refusals, WhyNode, WhyShard};

/// Why shards stay on draining nodes.
pub(super) fn shards_left(
    input: &Input,
    nodes: &[Node<'_>],
    shards: &[Shard<'_, '_>],
    active: &[&Node<'_>],
    schedule: &Schedule,
) -> Vec<Left> {
    let mut left = Vec::new();
    let draining = |node: &&Node<'_>| node.is(Availability::Draining);
    for moving in &input.in_flight {
        if let Some(to) = super::cluster::find(nodes, moving.to).filter(draining) {
            left.push((to.id(), moving.shard, WhyShard::Arriving));
        }
    }
    for shard in shards.iter().filter(|shard| draining(&shard.owner)) {
        let why = match shard.stay {
            Some(Stay::Pinned) => WhyShard::Pinned,
            Some(Stay::Quarantined) => WhyShard::Quarantined,
            Some(Stay::InFlight) => continue,
            None if shard.moved.get() => continue,
            None if schedule.is_full() => WhyShard::MoveLimit,
            None if active.is_empty() => WhyShard::NoActiveNode,
            None => {
                let mut refusals = Refusals::default();
                for refusal in active.iter().filter_map(|to| schedule.refusal(shard, to)) {
                    refusals.add(refusal);
                }
                WhyShard::Refused(refusals)
            }
        };
        left.push((shard.owner.id(), shard.input.id, why));
    }
    left.sort_by_key(|(node, shard, _)| (*node, *shard));
    left.into_iter()
        .map(|(node, shard, why)| Left::Shard { shard, node, why })
        .collect()
}

/// Why active nodes stay outside their bands.
pub(super) fn nodes_left(homes: &[Home<'_, '_, '_>], schedule: &Schedule) -> Vec<Left> {
    homes
        .iter()
        .filter(|home| !home.node.band.get().contains(schedule.load(home.node)))
        .map(|home| Left::Node {
            node: home.node.id(),
            load: schedule.load(home.node),
            band: home.node.band.get(),
            why: why(home, homes, schedule),
        })
        .collect()
}

fn why(home: &Home<'_, '_, '_>, homes: &[Home<'_, '_, '_>], schedule: &Schedule) -> WhyNode {
    if schedule.is_full() {
        return WhyNode::MoveLimit;
    }
    let mut refusals = Refusals::default();
    let mut movable = false;
    let mut consider = |donor: &Home<'_, '_, '_>, receivers: &[&Node<'_>]| {
        for shard in donor.movable.values() {
            movable = true;
            for to in receivers {
                if gain(donor.node, to, schedule.weight(shard), schedule).is_some()
                    && let Some(refusal) = schedule.refusal(shard, to)
                {
                    refusals.add(refusal);
                }
            }
        }
    };
    if schedule.load(home.node) > home.node.band.get().most {
        let nodes: Vec<&Node<'_>> = homes.iter().map(|home| home.node).collect();
        consider(home, &receivers(home.node, &nodes, schedule));
    } else {
        for donor in homes
            .iter()
            .filter(|donor| donor.node.id() != home.node.id())
        {
            consider(donor, &[home.node]);
        }
    }
    match (movable, refusals.is_empty()) {
        (false, _) => WhyNode::NothingMovable,
        (true, true) => WhyNode::NoMoveHelps,
        (true, false) => WhyNode::Refused(refusals),
    }
}
