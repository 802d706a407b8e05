use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Availability;
use super::cluster::{Node, Shard};
use super::{PerResource, Resource};
use crate::schema::NodeId;

/// The fewest moves that any plan needs to empty the draining nodes and bring every active node
/// into its band, from the loads `before`.
///
/// Every shard on a draining node is one move. An active node above its band loses at least as
/// many shards as its heaviest that cover the excess, and those are further moves. A node below its
/// band receives at least as many as the heaviest of all that cover what it lacks, and one move
/// serves one node; the same holds for the sum of what all lack.
pub(super) fn lower_bound(
    resource: Resource,
    nodes: &[Node<'_>],
    shards: &[Shard<'_, '_>],
    before: &BTreeMap<NodeId, PerResource<u128>>,
) -> usize {
    let mut forced: usize = 0;
    let mut all = Vec::new();
    let mut by_node: BTreeMap<NodeId, Vec<u64>> = BTreeMap::new();
    for shard in shards.iter().filter(|shard| shard.stay.is_none()) {
        let weight = shard.weight(resource);
        match shard.owner.input.state {
            Availability::Draining => forced = forced.saturating_add(1),
            Availability::Active => by_node.entry(shard.owner.id()).or_default().push(weight),
            Availability::NoAccept | Availability::Down => continue,
        }
        all.push(weight);
    }
    all.sort_unstable_by_key(|weight| Reverse(*weight));
    let sums = running_sums(&all);
    let (mut moves_out, mut moves_in, mut lacking) = (forced, 0_usize, 0_u128);
    for node in nodes.iter().filter(|node| node.is(Availability::Active)) {
        let load = before.get(&node.id()).map_or(0, |load| *load.get(resource));
        let band = node.band.get();
        if load > band.most {
            let mut own = by_node.remove(&node.id()).unwrap_or_default();
            own.sort_unstable_by_key(|weight| Reverse(*weight));
            let fewest = fewest(&running_sums(&own), load.saturating_sub(band.most));
            moves_out = moves_out.saturating_add(fewest);
        }
        let lacks = band.least.saturating_sub(load);
        moves_in = moves_in.saturating_add(fewest(&sums, lacks));
        lacking = lacking.saturating_add(lacks);
    }
    moves_out.max(moves_in).max(fewest(&sums, lacking))
}

fn running_sums(weights: &[u64]) -> Vec<u128> {
    let add = |sum: &mut u128, weight: &u64| {
        *sum = sum.saturating_add(u128::from(*weight));
        Some(*sum)
    };
    weights.iter().scan(0, add).collect()
}

/// How many of the first weights it takes to reach `amount`; all, if they do not.
fn fewest(sums: &[u128], amount: u128) -> usize {
    if amount == 0 {
        return 0;
    }
    let below = sums.partition_point(|sum| *sum < amount);
    below.saturating_add(1).min(sums.len())
}
