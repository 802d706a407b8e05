//! Replica groups: which nodes hold a shard of each, and over how many zones it is spread.

use std::collections::{BTreeSet, HashMap};

use super::column::{Column, GroupAt, Members, NodeAt, Place as _, ShardAt};
use super::{NodeInput, ShardInput};

/// The groups, who belongs to each, and the zones of the nodes.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// Empty when no shard has a group.
    of: Vec<Option<GroupAt>>,
    members: Members<GroupAt, ShardAt>,
    zones: Column<NodeAt, u32>,
    min_zones: usize,
}

impl Groups {
    pub(super) fn new(
        nodes: &Column<NodeAt, &NodeInput>,
        shards: &[&ShardInput],
        min_zones: u32,
    ) -> Self {
        let mut ids: Vec<u64> = shards
            .iter()
            .filter_map(|shard| shard.group)
            .map(|group| group.0)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let of: Vec<Option<GroupAt>> = if ids.is_empty() {
            Vec::new()
        } else {
            let place = |shard: &&ShardInput| {
                let group = shard.group?;
                ids.binary_search(&group.0).ok().map(GroupAt::new)
            };
            shards.iter().map(place).collect()
        };
        let mut names: Vec<Option<&str>> = nodes
            .values()
            .iter()
            .map(|node| node.zone.as_deref())
            .collect();
        let zones: Vec<Option<&str>> = names.clone();
        names.sort_unstable();
        names.dedup();
        let zone = |name: &Option<&str>| {
            let place = names.binary_search(name).unwrap_or_default();
            u32::try_from(place).unwrap_or(u32::MAX)
        };
        let belongs = |shard: ShardAt| of.get(shard.at()).copied().flatten();
        Self {
            members: Members::new(ids.len(), (0..of.len()).map(ShardAt::new), belongs),
            of,
            zones: zones.iter().map(zone).collect::<Vec<_>>().into(),
            min_zones: usize::try_from(min_zones).unwrap_or(usize::MAX),
        }
    }

    /// Whether a shard has a group.
    pub(super) fn are_there(&self) -> bool {
        !self.of.is_empty()
    }

    pub(super) fn of(&self, shard: ShardAt) -> Option<GroupAt> {
        self.of.get(shard.at()).copied().flatten()
    }

    /// Every group.
    pub(super) fn all(&self) -> impl Iterator<Item = GroupAt> + use<> {
        self.members.rows()
    }

    pub(super) fn of_group(&self, group: GroupAt) -> &[ShardAt] {
        self.members.of(group)
    }

    /// The shards of the group of `shard`, itself among them.
    pub(super) fn members(&self, shard: ShardAt) -> &[ShardAt] {
        self.of(shard).map_or(&[], |group| self.members.of(group))
    }

    pub(super) fn zone(&self, node: NodeAt) -> u32 {
        self.zones[node]
    }

    /// In how many zones the group of `shard` is, and in how many it should be.
    pub(super) fn spread(&self, shard: ShardAt, at: &Column<ShardAt, NodeAt>) -> (usize, usize) {
        let members = self.members(shard);
        let zones: BTreeSet<u32> = members.iter().map(|one| self.zones[at[*one]]).collect();
        (zones.len(), self.min_zones.min(members.len()))
    }

    /// Whether the group of `shard` would be in fewer zones than it is and should be.
    pub(super) fn spreads_less(
        &self,
        shard: ShardAt,
        from: NodeAt,
        to: NodeAt,
        at: &Column<ShardAt, NodeAt>,
    ) -> bool {
        if self.min_zones < 2 || self.zones[from] == self.zones[to] {
            return false;
        }
        let members = self.members(shard);
        if members.len() < 2 {
            return false;
        }
        let others = members.iter().filter(|one| **one != shard);
        let others: BTreeSet<u32> = others.map(|one| self.zones[at[*one]]).collect();
        let with = |node| others.len() + usize::from(!others.contains(&self.zones[node]));
        let (before, after) = (with(from), with(to));
        after < before && after < self.min_zones.min(members.len())
    }
}

/// How many copies of each group each node has.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// Only where there is one. Looked up, never walked.
    counts: HashMap<(GroupAt, NodeAt), u32>,
}

impl Copies {
    pub(super) fn enter(&mut self, groups: &Groups, shard: ShardAt, node: NodeAt) {
        if let Some(group) = groups.of(shard) {
            *self.counts.entry((group, node)).or_default() += 1;
        }
    }

    pub(super) fn leave(&mut self, groups: &Groups, shard: ShardAt, node: NodeAt) {
        let Some(group) = groups.of(shard) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&(group, node)) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&(group, node));
            }
        }
    }

    /// How many copies of the group of `shard` a node has.
    pub(super) fn of(&self, groups: &Groups, shard: ShardAt, node: NodeAt) -> u32 {
        let count = groups
            .of(shard)
            .and_then(|group| self.counts.get(&(group, node)));
        count.copied().unwrap_or_default()
    }
}
