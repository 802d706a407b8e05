//! What has left its node in a wave, and may still be there until the wave is over.

use std::collections::BTreeSet;

use super::Refusal;
use super::cluster::Cluster;
use super::column::{GroupAt, NodeAt, ShardAt};
use super::sums::Sums;
use super::world::World;

#[derive(Clone)]
pub(super) struct Leaving {
    /// What it is still charged.
    charged: Sums,
    groups: BTreeSet<(GroupAt, NodeAt)>,
    /// The nodes that something has left.
    nodes: Vec<NodeAt>,
}

impl Leaving {
    pub(super) fn new(cluster: &Cluster<'_>) -> Self {
        Self {
            charged: Sums::new(cluster.nodes.len(), cluster.resources().len()),
            groups: BTreeSet::new(),
            nodes: Vec::new(),
        }
    }

    /// A shard is about to leave the node where it is.
    pub(super) fn leave(&mut self, world: &World<'_>, shard: ShardAt) {
        let from = world.at(shard);
        if let Some(group) = world.groups.of(shard) {
            self.groups.insert((group, from));
        }
        if world.policy.charges_both_ends() {
            self.charged.add(from, world.shards[shard]);
            self.nodes.push(from);
        }
    }

    /// Why `to` does not take `shard` while all this may still be there.
    pub(super) fn refusal(&self, world: &World<'_>, shard: ShardAt, to: NodeAt) -> Option<Refusal> {
        let group = world.groups.of(shard);
        if group.is_some_and(|group| self.groups.contains(&(group, to))) {
            return Some(Refusal::Group);
        }
        world.refusal_besides(shard, to, self.charged.of(to))
    }

    /// All of it is gone.
    pub(super) fn end_wave(&mut self) {
        for node in self.nodes.drain(..) {
            self.charged.clear(node);
        }
        self.groups.clear();
    }
}
