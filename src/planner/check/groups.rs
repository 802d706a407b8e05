use std::collections::{BTreeMap, HashMap};

use crate::planner::{Input, ShardInput};
use crate::schema::{GroupId, NodeId};

/// Where the shards of each group are.
pub(super) struct Groups {
    /// Copies of each group on each node, those in flight and those that leave in this wave as well.
    copies: HashMap<(GroupId, NodeId), usize>,
    /// Shards of each group that count on each node.
    members: BTreeMap<(GroupId, NodeId), usize>,
    /// Shards of each group that count in each zone.
    zones: HashMap<GroupId, BTreeMap<usize, usize>>,
    sizes: HashMap<GroupId, usize>,
    zone_of: HashMap<NodeId, usize>,
}

impl Groups {
    pub(super) fn new(input: &Input) -> Self {
        let mut numbers: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        let mut zone_of = HashMap::new();
        for node in &input.nodes {
            let next = numbers.len();
            let zone = *numbers.entry(node.zone.as_deref()).or_insert(next);
            zone_of.insert(node.id, zone);
        }
        let mut sizes = HashMap::new();
        for group in input.shards.iter().filter_map(|shard| shard.group) {
            let size: &mut usize = sizes.entry(group).or_default();
            *size = size.saturating_add(1);
        }
        Self {
            copies: HashMap::new(),
            members: BTreeMap::new(),
            zones: HashMap::new(),
            sizes,
            zone_of,
        }
    }

    pub(super) fn put_copy(&mut self, shard: &ShardInput, node: NodeId) {
        if let Some(group) = shard.group {
            let count = self.copies.entry((group, node)).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn drop_copy(&mut self, shard: &ShardInput, node: NodeId) {
        if let Some(group) = shard.group {
            let count = self.copies.entry((group, node)).or_default();
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn arrive(&mut self, shard: &ShardInput, node: NodeId) {
        self.count(shard, node, |count| count.saturating_add(1));
    }

    pub(super) fn leave(&mut self, shard: &ShardInput, node: NodeId) {
        self.count(shard, node, |count| count.saturating_sub(1));
    }

    fn count(&mut self, shard: &ShardInput, node: NodeId, changed: fn(usize) -> usize) {
        let Some(group) = shard.group else {
            return;
        };
        let members = self.members.entry((group, node)).or_default();
        *members = changed(*members);
        if let Some(zone) = self.zone_of.get(&node) {
            let zones = self.zones.entry(group).or_default();
            let in_zone = zones.entry(*zone).or_default();
            *in_zone = changed(*in_zone);
            if *in_zone == 0 {
                zones.remove(zone);
            }
        }
    }

    /// Whether a node has a copy of a shard of the group of `shard`, which is not there itself.
    pub(super) fn has_copy(&self, shard: &ShardInput, node: NodeId) -> bool {
        let count = |group| self.copies.get(&(group, node)).copied().unwrap_or(0);
        shard.group.is_some_and(|group| count(group) > 0)
    }

    /// How many shards of the group of `shard` count on a node.
    pub(super) fn members(&self, shard: &ShardInput, node: NodeId) -> usize {
        let count = |group| self.members.get(&(group, node)).copied().unwrap_or(0);
        shard.group.map_or(0, count)
    }

    /// Each node that holds several shards of a group, and how many.
    pub(super) fn crowded(&self) -> impl Iterator<Item = (GroupId, NodeId, usize)> + '_ {
        let members = self.members.iter();
        let crowded = members.filter(|(_, count)| **count > 1);
        crowded.map(|((group, node), count)| (*group, *node, *count))
    }

    /// In how many zones a group is, and in how many it should be.
    pub(super) fn spread(&self, group: GroupId, min_zones: u32) -> (usize, usize) {
        let zones = self.zones.get(&group).map_or(0, BTreeMap::len);
        let size = self.sizes.get(&group).copied().unwrap_or(0);
        let wanted = usize::try_from(min_zones).unwrap_or(usize::MAX);
        (zones, wanted.min(size))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.sizes.keys().copied()
    }

    /// Whether the move of `shard` brings its group into more zones.
    pub(super) fn spreads_more(&self, shard: &ShardInput, from: NodeId, to: NodeId) -> bool {
        let (Some(group), Some(from), Some(to)) =
            (shard.group, self.zone_of.get(&from), self.zone_of.get(&to))
        else {
            return false;
        };
        let zones = self.zones.get(&group);
        let count = |zone| {
            zones
                .and_then(|zones| zones.get(zone))
                .copied()
                .unwrap_or(0)
        };
        count(from) > 1 && count(to) == 0
    }

    /// Whether the move of `shard` leaves its group in fewer zones than before and than it should.
    pub(super) fn spreads_less(
        &self,
        shard: &ShardInput,
        from: NodeId,
        to: NodeId,
        min_zones: u32,
    ) -> bool {
        let (Some(group), Some(from), Some(to)) =
            (shard.group, self.zone_of.get(&from), self.zone_of.get(&to))
        else {
            return false;
        };
        let Some(zones) = self.zones.get(&group) else {
            return false;
        };
        if from == to {
            return false;
        }
        let (before, wanted) = self.spread(group, min_zones);
        let leaves = zones.get(from).copied().unwrap_or(0) <= 1;
        let enters = !zones.contains_key(to);
        let after = before
            .saturating_sub(usize::from(leaves))
            .saturating_add(usize::from(enters));
        after < before && after < wanted
    }
}
